import type { IncomingMessage } from "node:http";
import { PassThrough, type Readable } from "node:stream";

const silenceMs = 30_000;

/**
 * Reads and drops what is left of a request's body. A client that still sends when its connection is closed sees a
 * broken pipe instead of the answer. Gives up on a client that falls silent.
 */
export async function drain(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed || request.complete) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, silenceMs);
  const events = ["end", "close", "error"] as const;
  const onData = () => void timer.refresh();
  for (const event of events) request.once(event, resolve);
  request.on("data", onData);
  request.unpipe();
  request.resume();
  await promise;
  clearTimeout(timer);
  request.off("data", onData);
  for (const event of events) request.off(event, resolve);
}

const bufferBytes = 256 * 1024;

/** The body as a stream of its own: whoever gives up on it, or destroys it, leaves the connection open for the answer. */
export function detachBody(request: IncomingMessage): Readable {
  const body = new PassThrough({ highWaterMark: bufferBytes });
  request.once("error", (error) => body.destroy(error));
  return request.pipe(body);
}
