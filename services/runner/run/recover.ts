import { deleteStateLock, findStateLock } from "../state/store.ts";
import type { PhaseDeps } from "./phase.ts";
import { endProcess } from "./process.ts";
import { getRunSecrets, lockRun } from "./store.ts";

/**
 * A plan that begins again after its runner was killed: what is left of the first Terraform is ended, and the state
 * lock that it took is given back. A plan changes nothing, so both are safe.
 */
export async function releaseDeadLocks(
  { database }: Pick<PhaseDeps, "database">,
  runId: string,
): Promise<void> {
  const { process } = await getRunSecrets(database.kysely, runId);
  if (process) await endProcess(process);
  await database.kysely.transaction().execute(async (trx) => {
    const run = await lockRun(trx, runId);
    const lock = await findStateLock(trx, run.environmentId);
    if (run.state === "planning" && lock?.runId === runId) await deleteStateLock(trx, run.environmentId);
  });
}
