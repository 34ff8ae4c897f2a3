import { expect, test } from "vitest";
import { openClient } from "./client.ts";
import { RefusedError, UnreachableError } from "./errors.ts";
import { followEvents, parseEvents, type ServerEvent } from "./events.ts";
import { serve } from "./test-support.ts";

test("events are cut at empty lines wherever the bytes are cut", async () => {
  const text =
    ': hello\n\nid: 1\nevent: log\ndata: {"a":"ä"}\n\ndata: one\r\ndata: two\r\n\r\nid: 2\ndata: cut off';
  const bytes = new TextEncoder().encode(text);
  const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));

  const events: ServerEvent[] = [];
  for await (const event of parseEvents(toStream(pieces))) events.push(event);

  expect(events).toEqual([
    { id: "1", type: "log", data: '{"a":"ä"}' },
    { id: "", type: "message", data: "one\ntwo" },
  ]);
});

async function* toStream(pieces: Uint8Array[]) {
  yield* pieces;
}

test("a broken stream goes on after the last event", async () => {
  const asked: (string | undefined)[] = [];
  await using server = await serve((request, response) => {
    asked.push(request.headers["last-event-id"] as string | undefined);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`id: ${asked.length}\ndata: ${asked.length}\n\n`, () => response.destroy());
  });
  let breaks = 0;

  const events = await take(3, server.url, { onBreak: () => (breaks += 1) });

  expect(events.map(({ data }) => data)).toEqual(["1", "2", "3"]);
  expect({ asked, breaks }).toEqual({ asked: [undefined, "1", "2"], breaks: 2 });
});

test("a busy server is asked again, a refusal is not", async () => {
  const statuses = [503, 404];
  await using server = await serve((_request, response) => {
    response.writeHead(statuses.shift() ?? 500, { "content-type": "application/problem+json" });
    response.end(JSON.stringify({ detail: "no such run" }));
  });

  await expect(take(1, server.url)).rejects.toEqual(new RefusedError(404, "no such run"));
});

test("a silent server counts as gone, and in the end as unreachable", async () => {
  await using server = await serve((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  });

  await expect(take(1, server.url, { silenceMs: 20 })).rejects.toThrow(UnreachableError);
});

interface TakeOptions {
  onBreak?: () => void;
  silenceMs?: number;
}

async function take(count: number, url: string, options: TakeOptions = {}): Promise<ServerEvent[]> {
  const client = openClient({ url, token: undefined });
  const { signal } = new AbortController();
  const events: ServerEvent[] = [];
  const following = { signal, onBreak: () => undefined, retryAfterMs: [1, 1], ...options };
  for await (const event of followEvents(client, "/events", following)) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}
