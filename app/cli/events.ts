import { setTimeout as sleep } from "node:timers/promises";
import { isPassing, type Client } from "./client.ts";
import { UnreachableError } from "./errors.ts";
import { toUnreachable } from "./failures.ts";

export interface ServerEvent {
  /** Empty where the event has none. */
  id: string;
  type: string;
  data: string;
}

/** Splits a stream of server-sent events. An event that the end cuts off is dropped, as the standard says. */
export async function* parseEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of bytes) {
    rest += decoder.decode(piece, { stream: true });
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event) yield event;
    }
  }
}

/** Undefined for a comment, which keeps the connection alive. */
function parseEvent(block: string): ServerEvent | undefined {
  const data: string[] = [];
  const event = { id: "", type: "message" };
  for (const line of block.split(/\r?\n/)) {
    const [, field, value = ""] = /^(\w+):? ?(.*)$/.exec(line) ?? [];
    if (field === "data") data.push(value);
    else if (field === "id") event.id = value;
    else if (field === "event") event.type = value;
  }
  return data.length === 0 ? undefined : { ...event, data: data.join("\n") };
}

export interface FollowOptions {
  signal: AbortSignal;
  /** Called when the connection broke, once until it is there again. */
  onBreak(): void;
  /** How long a server may be away: one wait before each try. */
  retryAfterMs?: readonly number[];
  /** The server says every 15 s that it is there. */
  silenceMs?: number;
}

const defaultRetryAfterMs = [500, 1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000, 8000];

/** Events without an end of their own: a broken connection goes on where it was. The reader leaves the loop. */
export async function* followEvents(
  client: Client,
  path: string,
  { signal, onBreak, retryAfterMs = defaultRetryAfterMs, silenceMs = 45_000 }: FollowOptions,
): AsyncGenerator<ServerEvent> {
  let lastId = "";
  let failures = 0;
  for (;;) {
    try {
      for await (const event of readStream(client, path, { lastId, signal, silenceMs })) {
        if (event.id !== "") lastId = event.id;
        failures = 0;
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error) || failures === retryAfterMs.length) throw error;
    }
    const waitMs = retryAfterMs[failures] ?? retryAfterMs.at(-1) ?? 0;
    if (failures === 0) onBreak();
    failures = Math.min(failures + 1, retryAfterMs.length);
    await sleep(waitMs);
  }
}

interface StreamOptions {
  lastId: string;
  signal: AbortSignal;
  silenceMs: number;
}

async function* readStream(
  client: Client,
  path: string,
  { lastId, signal, silenceMs }: StreamOptions,
): AsyncGenerator<ServerEvent> {
  const silent = new AbortController();
  const response = await client.stream("GET", path, {
    headers: { accept: "text/event-stream", ...(lastId !== "" && { "last-event-id": lastId }) },
    signal: AbortSignal.any([signal, silent.signal]),
  });
  const timer = setTimeout(() => silent.abort(), silenceMs);
  try {
    yield* parseEvents(watch(response.body ?? [], () => timer.refresh()));
  } catch (error) {
    if (silent.signal.aborted) throw new UnreachableError(`Cannot reach ${client.url}: no answer`);
    throw toUnreachable(client.url, error);
  } finally {
    clearTimeout(timer);
  }
}

async function* watch(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  onPiece: () => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    onPiece();
    yield piece;
  }
}
