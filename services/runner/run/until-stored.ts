import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "#core/errors.ts";
import type { Log } from "#core/log.ts";

export interface Patience {
  /** First pause after a failure; doubles up to 5 s. */
  pauseMs: number;
  /** From the first failure on. */
  giveUpAfterMs: number;
}

const maxPauseMs = 5_000;

/**
 * Tells the database what has happened outside of it, which cannot be undone or done again: while the database is
 * away, tries again. `work` must be safe to repeat after a commit whose answer was lost.
 */
export async function untilStored<T>(
  log: Pick<Log, "warn">,
  work: () => Promise<T>,
  { pauseMs, giveUpAfterMs }: Patience = { pauseMs: 100, giveUpAfterMs: 300_000 },
): Promise<T> {
  const deadline = performance.now() + giveUpAfterMs;
  for (let pause = pauseMs; ; pause = Math.min(pause * 2, maxPauseMs)) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || performance.now() + pause > deadline) throw error;
      log.warn({ err: error, retryInMs: pause }, "database does not answer");
      await sleep(pause);
    }
  }
}

/** SQLSTATE classes 08 (connection), 53 (resources), 57P (shutdown), 40 (rollback), and the socket's own codes. */
function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined) return error instanceof Error && /connection|timeout exceeded/i.test(error.message);
  return /^(08|40|53|57P)/.test(code) || /^E(CONN|PIPE|TIMEDOUT|HOST|NOENT|AI)/.test(code);
}
