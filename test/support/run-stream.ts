import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import type { TestSystem } from "./system.ts";

export type RunEvent =
  { type: "log"; id: string; phase: string; text: string } | { type: "state"; state: string };

export interface FollowOptions {
  signal?: AbortSignal;
  /** Id of the last event that was read before. */
  lastEventId?: string;
}

/** The server-sent events of a run, until the server ends the stream. */
export async function* followRun(
  { url, token }: Pick<TestSystem, "url" | "token">,
  runId: string,
  { signal, lastEventId }: FollowOptions = {},
): AsyncGenerator<RunEvent> {
  // A connection of its own: fetch would open another one in its place that it never uses.
  const request = get(`${url}/api/v2/runs/${runId}/events`, {
    agent: false,
    headers: {
      authorization: `Bearer ${token}`,
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    },
    ...(signal && { signal }),
  });
  try {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`cannot follow run ${runId}: ${response.statusCode}`);
    yield* readEvents(response.setEncoding("utf8"));
  } finally {
    request.destroy();
  }
}

async function* readEvents(stream: AsyncIterable<string>): AsyncGenerator<RunEvent> {
  let rest = "";
  for await (const chunk of stream) {
    const blocks = (rest + chunk).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event) yield event;
    }
  }
}

function parseEvent(block: string): RunEvent | undefined {
  const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]));
  const data = fields.get("data");
  if (data === undefined) return undefined;
  const id = fields.get("id") ?? "";
  return { type: fields.get("event"), id, ...(JSON.parse(data) as object) } as RunEvent;
}
