import type { Transaction } from "kysely";
import { ConflictError } from "#core/errors.ts";
import type { RunnerTables } from "../database.ts";
import { announceRun } from "./announce.ts";
import { dispatchNext, sendPhase, type PhaseSender } from "./queue.ts";
import { isFinal, RunStateError, type RunRecord } from "./run.ts";
import { lockRun, updateRun, now } from "./store.ts";

/** How long an interrupted Terraform has to stop well before it may be killed. */
export const forceCancelAfterMs = 10_000;

export class ForceCancelTooEarlyError extends ConflictError {
  constructor({ number, cancelRequestedAt }: RunRecord) {
    const state = cancelRequestedAt
      ? `it was canceled less than ${forceCancelAfterMs / 1000} s ago and may still stop by itself`
      : "it has not been canceled yet";
    super(`Cannot force-cancel run ${number}: ${state}`);
  }
}

/** The plan that waits is applied, exactly as it is. */
export async function confirmRun(
  trx: Transaction<RunnerTables>,
  boss: PhaseSender,
  { id, by }: { id: string; by: string },
): Promise<RunRecord> {
  const run = await lockRun(trx, id);
  if (run.state !== "planned") throw new RunStateError("confirm", run, "planned");
  const confirmed = await updateRun(trx, id, { state: "confirmed", confirmed_by: by, confirmed_at: now });
  await announceRun(trx, "run.confirmed", { run: confirmed, confirmedBy: by });
  await sendPhase(trx, boss, { phase: "apply", runId: id });
  return confirmed;
}

export async function discardRun(
  trx: Transaction<RunnerTables>,
  boss: PhaseSender,
  { id, by }: { id: string; by: string },
): Promise<RunRecord> {
  const run = await lockRun(trx, id);
  if (run.state !== "planned") throw new RunStateError("discard", run, "planned");
  const discarded = await updateRun(trx, id, {
    state: "discarded",
    ended_by: by,
    ended_at: now,
    token_hash: null,
  });
  await announceRun(trx, "run.discarded", { run: discarded, discardedBy: by });
  await dispatchNext(trx, boss, run.environmentId);
  return discarded;
}

/** A run that waits ends at once; one that a worker has is interrupted, and ends when Terraform has stopped. */
export async function cancelRun(
  trx: Transaction<RunnerTables>,
  boss: PhaseSender,
  { id, by }: { id: string; by: string },
): Promise<RunRecord> {
  const run = await lockRun(trx, id);
  if (isFinal(run.state)) throw new RunStateError("cancel", run, "a run that has not ended");
  if (run.state === "planning" || run.state === "applying") {
    if (run.cancelRequestedAt) return run;
    return updateRun(trx, id, { cancel_requested_at: now, ended_by: by });
  }
  const canceled = await updateRun(trx, id, {
    state: "canceled",
    ended_by: by,
    ended_at: now,
    token_hash: null,
  });
  await announceRun(trx, "run.canceled", { run: canceled, canceledBy: by });
  await dispatchNext(trx, boss, run.environmentId);
  return canceled;
}

/** Kills a Terraform that did not stop after a cancel; what it was doing may be missing in the state. */
export async function forceCancelRun(
  trx: Transaction<RunnerTables>,
  { id, by, at }: { id: string; by: string; at: Date },
): Promise<RunRecord> {
  const run = await lockRun(trx, id);
  if (run.state !== "planning" && run.state !== "applying") {
    throw new RunStateError("force-cancel", run, "planning or applying");
  }
  const since = run.cancelRequestedAt?.getTime();
  if (since === undefined || at.getTime() - since < forceCancelAfterMs)
    throw new ForceCancelTooEarlyError(run);
  return updateRun(trx, id, { force_cancel_requested_at: now, ended_by: by });
}
