import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "./errors.ts";
import type { Log } from "./log.ts";

export interface SuperviseOptions {
  log: Log;
  /** First wait after a failure, in milliseconds; doubles up to `maxBackoffMs`. Default 200. */
  backoffMs?: number;
  /** Default 10 000. */
  maxBackoffMs?: number;
}

/**
 * Keeps `work` running until disposed: a failure is logged and tried again with backoff, a return starts it
 * again at once. `work` must watch its signal; disposal waits for it.
 */
export function supervise(
  name: string,
  work: (signal: AbortSignal) => Promise<void>,
  { log, backoffMs = 200, maxBackoffMs = 10_000 }: SuperviseOptions,
): AsyncDisposable {
  const stop = new AbortController();
  const running = (async () => {
    for (let wait = backoffMs; !stop.signal.aborted;) {
      try {
        await work(stop.signal);
        wait = backoffMs;
      } catch (error) {
        if (stop.signal.aborted) return;
        log.error({ work: name, err: error, retryInMs: wait }, "background work failed");
        await pause(wait, stop.signal);
        wait = Math.min(wait * 2, maxBackoffMs);
      }
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error(`${name} is stopping`));
      await running;
    },
  };
}

/** Waits, or returns early when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw new Error(messageOf(error), { cause: error });
  });
}
