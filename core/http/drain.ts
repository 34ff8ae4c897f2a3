import type { IncomingMessage } from "node:http";

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
  request.resume();
  await promise;
  clearTimeout(timer);
  request.off("data", onData);
  for (const event of events) request.off(event, resolve);
}
