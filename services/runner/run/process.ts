import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "#core/errors.ts";
import type { PhaseDeps } from "./phase.ts";
import type { RunRecord } from "./run.ts";
import { updateRun, type RunProcess } from "./store.ts";

/** Remembers the process group that works on a run, for the case that this runner is killed before it ends. */
export function recordProcess(
  { database, log }: Pick<PhaseDeps, "database" | "log">,
  run: RunRecord,
  pid: number,
): void {
  const record = async () => {
    const started = await startOf(pid);
    if (started) await updateRun(database.kysely, run.id, { process: { host: hostname(), pid, started } });
  };
  record().catch((error: unknown) =>
    log.warn({ run: run.id, pid, err: error }, "process could not be recorded"),
  );
}

const stopWellMs = 10_000;

/** Interrupts what a killed runner left behind, then kills it. Another process under the same pid is left alone. */
export async function endProcess({ host, pid, started }: RunProcess): Promise<void> {
  if (host !== hostname()) return;
  const alive = async () => (await startOf(pid)) === started;
  if (await alive()) signal(pid, "SIGINT");
  for (const deadline = Date.now() + stopWellMs; Date.now() < deadline && (await alive());) await sleep(100);
  if (await alive()) signal(-pid, "SIGKILL");
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot; undefined when there is no such process. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
}
