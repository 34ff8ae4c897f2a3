import { rm } from "node:fs/promises";
import type { Transaction } from "kysely";
import type { RunnerTables } from "../database.ts";
import { deleteStateLock, findStateLock } from "../state/store.ts";
import type { PhaseDeps } from "./phase.ts";
import { endProcess } from "./process.ts";
import type { RunRecord } from "./run.ts";
import { getRunSecrets } from "./store.ts";
import { directoryOf } from "./workspace.ts";

/** Ends what a killed runner left at work on the run, and removes its directory, which holds secrets in clear. */
export async function clearLeftovers(deps: PhaseDeps, runId: string): Promise<void> {
  await endLeftover(deps, runId);
  await rm(directoryOf(deps, runId), { recursive: true, force: true });
}

export async function endLeftover({ database }: Pick<PhaseDeps, "database">, runId: string): Promise<void> {
  const { process } = await getRunSecrets(database.kysely, runId);
  if (process) await endProcess(process, runId);
}

/** Gives back the state lock, if the run has it. */
export async function releaseOwnLock(trx: Transaction<RunnerTables>, run: RunRecord): Promise<void> {
  if (await holdsLock(trx, run)) await deleteStateLock(trx, run.environmentId);
}

export async function holdsLock(trx: Transaction<RunnerTables>, run: RunRecord): Promise<boolean> {
  const lock = await findStateLock(trx, run.environmentId);
  return lock?.runId === run.id;
}
