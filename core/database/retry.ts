import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, UnavailableError } from "../errors.ts";

/** The database did not answer for as long as a caller can wait. */
export class DatabaseUnavailableError extends UnavailableError {
  constructor(action: string, cause: unknown) {
    super(`Cannot ${action}: the database does not answer`, { cause });
  }
}

const firstWaitMs = 50;
const maxWaitMs = 1_000;

/**
 * Repeats `work` while connections break, for `forMs` (default 10 000), then throws DatabaseUnavailableError. A
 * connection that broke says nothing about the commit: `work` must be safe to repeat.
 */
export async function retryBroken<Result>(
  action: string,
  work: () => Promise<Result>,
  { forMs = 10_000 }: { forMs?: number } = {},
): Promise<Result> {
  const deadline = performance.now() + forMs;
  for (let wait = firstWaitMs; ; wait = Math.min(wait * 2, maxWaitMs)) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (performance.now() + wait > deadline) throw new DatabaseUnavailableError(action, error);
      await sleep(wait);
    }
  }
}

/** SQLSTATE classes 08 (connection), 57P (shutdown), 40 (rollback), too many connections, and the socket's own codes. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined) return error instanceof Error && /connection|timeout exceeded/i.test(error.message);
  return /^(08|57P|40|53300)/.test(code) || /^E(CONN|PIPE|TIMEDOUT|HOST|NOENT|AI)/.test(code);
}
