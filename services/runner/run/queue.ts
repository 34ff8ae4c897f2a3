import type { Transaction } from "kysely";
import type { PgBoss } from "pg-boss";
import { fromKysely } from "#core/jobs.ts";
import type { RunnerTables } from "../database.ts";
import { lockEnvironment } from "../environment/store.ts";
import { announceRun } from "./announce.ts";
import type { Phase } from "./log.ts";
import { isArtifactCaused, type RunRecord } from "./run.ts";
import { selectRuns, updateRun, now } from "./store.ts";

/** What a worker gets to do. */
export interface PhaseJob {
  phase: Phase;
  runId: string;
}

export const phaseQueue = "run-phases";

export type PhaseSender = Pick<PgBoss, "send">;

/** Puts a phase of a run before the workers, if the transaction commits. */
export async function sendPhase(
  trx: Transaction<RunnerTables>,
  boss: PhaseSender,
  job: PhaseJob,
): Promise<void> {
  await boss.send(phaseQueue, job, { db: fromKysely(trx) });
}

/**
 * Gives the head of the environment's queue to the workers, unless a run is under way, waits for confirmation, or
 * the environment is held. Call it in the transaction that ends a run, adds one or releases the environment.
 */
export async function dispatchNext(
  trx: Transaction<RunnerTables>,
  boss: PhaseSender,
  environmentId: number,
): Promise<void> {
  const environment = await lockEnvironment(trx, environmentId);
  if (environment.heldByRun) return;
  const runs = selectRuns(trx).where("run.environment_id", "=", environmentId);
  const busy = await runs
    .where("run.dispatched_at", "is not", null)
    .where("run.state", "in", ["pending", "planning", "planned", "confirmed", "applying"])
    .executeTakeFirst();
  if (busy) return;
  const next = await runs
    .where("run.dispatched_at", "is", null)
    .where("run.state", "=", "pending")
    .orderBy("run.number")
    .limit(1)
    .executeTakeFirst();
  if (!next) return;
  await updateRun(trx, next.id, { dispatched_at: now });
  await sendPhase(trx, boss, { phase: "plan", runId: next.id });
}

/**
 * A newer version makes older plans pointless: artifact-caused runs of the environment that wait, for their turn or
 * for confirmation, end in favour of `by`. What somebody asked for stays.
 */
export async function supersedeOlder(trx: Transaction<RunnerTables>, by: RunRecord): Promise<void> {
  const waiting = await selectRuns(trx)
    .where("run.environment_id", "=", by.environmentId)
    .where("run.number", "<", by.number)
    .where("run.state", "in", ["pending", "planned"])
    .execute();
  for (const run of waiting.filter(isArtifactCaused)) await supersede(trx, run, by);
}

/** The newest artifact-caused run that waits behind this one. */
export async function findSuccessor(
  trx: Transaction<RunnerTables>,
  run: RunRecord,
): Promise<RunRecord | undefined> {
  if (!isArtifactCaused(run)) return undefined;
  const waiting = await selectRuns(trx)
    .where("run.environment_id", "=", run.environmentId)
    .where("run.number", ">", run.number)
    .where("run.state", "=", "pending")
    .orderBy("run.number", "desc")
    .execute();
  return waiting.find(isArtifactCaused);
}

export async function supersede(
  trx: Transaction<RunnerTables>,
  run: RunRecord,
  by: RunRecord,
): Promise<void> {
  const ended = {
    state: "superseded",
    superseded_by: by.id,
    ended_at: now,
    token_hash: null,
  } as const;
  const superseded = await updateRun(trx, run.id, ended);
  await announceRun(trx, "run.discarded", {
    run: superseded,
    discardedBy: `run ${by.number}`,
    supersededByRun: by.id,
  });
}
