import type { Transaction } from "kysely";
import { ConflictError } from "#core/errors.ts";
import type { RunnerTables } from "../database.ts";
import { formatEnvironment, type EnvironmentRecord } from "../environment/environment.ts";
import { findStateLock } from "./store.ts";

export class StateInUseError extends ConflictError {
  constructor(environment: EnvironmentRecord, { action, run }: { action: string; run: Holder }) {
    super(
      `Cannot ${action} "${formatEnvironment(environment)}": run ${run.number} is ${run.state} and uses it; cancel the run instead`,
    );
  }
}

interface Holder {
  number: number;
  state: string;
}

/** A lock whose run is at work is no leftover: taken away, the run could not store what it has done. */
export async function refuseLiveHolder(
  trx: Transaction<RunnerTables>,
  { environment, action }: { environment: EnvironmentRecord; action: string },
): Promise<void> {
  const lock = await findStateLock(trx, environment.id);
  if (!lock?.runId) return;
  const run = await trx
    .selectFrom("run")
    .select(["number", "state"])
    .where("id", "=", lock.runId)
    .where("state", "in", ["planning", "applying"])
    .executeTakeFirst();
  if (run) throw new StateInUseError(environment, { action, run });
}
