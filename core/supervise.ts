import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
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
 * again at once. Work that ran longer than `maxBackoffMs` before it failed starts with the first wait again.
 * `work` must watch its signal; disposal waits for it.
 */
export function supervise(
  name: string,
  work: (signal: AbortSignal) => Promise<void>,
  { log, backoffMs = 200, maxBackoffMs = 10_000 }: SuperviseOptions,
): AsyncDisposable {
  const stop = new AbortController();
  const running = (async () => {
    let wait = backoffMs;
    while (!stop.signal.aborted) {
      const startedAt = performance.now();
      try {
        await work(stop.signal);
        wait = backoffMs;
        // Work that returns without waiting for anything must not starve the rest of the process.
        await immediate();
      } catch (error) {
        if (stop.signal.aborted) return;
        if (performance.now() - startedAt > maxBackoffMs) wait = backoffMs;
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
