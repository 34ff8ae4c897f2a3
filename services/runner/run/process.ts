import { readdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "#core/errors.ts";
import type { PhaseDeps } from "./phase.ts";
import type { RunRecord } from "./run.ts";
import { recordRunProcess, type RunProcess } from "./store.ts";

/** Remembers the process group that works on a run, for the case that this runner is killed before it ends. */
export function recordProcess(
  { database, log }: Pick<PhaseDeps, "database" | "log">,
  run: RunRecord,
  pid: number,
): void {
  const record = async () => {
    const started = await startOf(pid);
    if (started) await recordRunProcess(database.kysely, run, { host: hostname(), pid, started });
  };
  record().catch((error: unknown) =>
    log.warn({ run: run.id, pid, err: error }, "process could not be recorded"),
  );
}

const stopWellMs = 10_000;

/**
 * Interrupts what a killed runner left behind, then kills it with whatever it started. Another process, or another
 * group, under the same pid is left alone.
 */
export async function endProcess({ host, pid, started }: RunProcess, runId: string): Promise<void> {
  if (host !== hostname()) return;
  const alive = async () => (await startOf(pid)) === started;
  if (await alive()) signal(pid, "SIGINT");
  const deadline = performance.now() + stopWellMs;
  while (performance.now() < deadline && (await alive())) await sleep(100);
  if ((await alive()) || (await hasMember(pid, runId))) signal(-pid, "SIGKILL");
}

/**
 * Whether a process of the run is left in the group. Terraform itself dies of the first line that it prints when its
 * runner is dead, and its provisioners go on.
 */
async function hasMember(group: number, runId: string): Promise<boolean> {
  const entries = await readdir("/proc").catch(() => []);
  for (const pid of entries.filter((name) => /^\d+$/.test(name))) {
    if ((await readStat(Number(pid)))?.[2] !== String(group)) continue;
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (environment.split("\0").includes(`ATLAS_RUN_ID=${runId}`)) return true;
  }
  return false;
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot; undefined when there is no such process. */
async function startOf(pid: number): Promise<string | undefined> {
  return (await readStat(pid))?.[19];
}

/** /proc/PID/stat from its third field on, the state. */
async function readStat(pid: number): Promise<string[] | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // Gone already, or only processes of other users are left.
    if (codeOf(error) !== "ESRCH" && codeOf(error) !== "EPERM") throw error;
  }
}
