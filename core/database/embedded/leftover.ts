import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../../errors.ts";
import type { Account } from "./account.ts";
import { LeftoverError } from "./errors.ts";
import { findServers } from "./servers.ts";

export interface LeftoverOptions {
  dataDir: string;
  account: Account | undefined;
  log: { warn(data: object, message: string): void };
  signal?: AbortSignal | undefined;
}

/** Fast shutdown, immediate shutdown, the end; each with the time it gets. */
const steps = [
  { kill: "SIGINT", waitMs: 30_000 },
  { kill: "SIGQUIT", waitMs: 10_000 },
  { kill: "SIGKILL", waitMs: 5_000 },
] as const;

/**
 * Ends the server that a killed Ingot left running in `directory`, and removes a postmaster.pid with nobody
 * behind it: its pid may be a zombie's, or by now a stranger's, and PostgreSQL then refuses to start.
 * Call it only while holding the lock of the directory.
 */
export async function stopLeftover(directory: string, options: LeftoverOptions): Promise<void> {
  const { dataDir, account, log, signal } = options;
  const found = await findServers(directory, account);
  if (found.length > 0) log.warn({ dataDir, pids: found }, "stopping the postgres of an earlier process");
  const postmaster = await readPostmaster(directory);
  for (const { kill, waitMs } of steps) {
    const left = await findServers(directory, account);
    if (left.length === 0) return removeStalePid(directory);
    // Only a postmaster leads an orderly shutdown; what is left without one only loses time.
    const targets = kill === "SIGINT" ? left.filter((pid) => pid === postmaster) : left;
    for (const pid of targets) send(pid, kill);
    const deadline = Date.now() + (targets.length > 0 ? waitMs : 0);
    while (Date.now() < deadline && (await findServers(directory, account)).length > 0) {
      await sleep(30, undefined, { signal });
    }
  }
  const left = await findServers(directory, account);
  if (left.length > 0) throw new LeftoverError(dataDir, left);
  return removeStalePid(directory);
}

/** The pid in postmaster.pid. */
async function readPostmaster(directory: string): Promise<number | undefined> {
  const text = await readFile(join(directory, "postmaster.pid"), "utf8").catch(() => "");
  return Number.parseInt(text, 10) || undefined;
}

/** Elsewhere than on Linux the processes of a dead postmaster are not seen, and PostgreSQL's own check stays. */
async function removeStalePid(directory: string): Promise<void> {
  if (process.platform === "linux") await rm(join(directory, "postmaster.pid"), { force: true });
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
}
