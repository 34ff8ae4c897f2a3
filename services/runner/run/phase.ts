import { randomBytes, createHash } from "node:crypto";
import type { Buffer } from "node:buffer";
import type { Transaction } from "kysely";
import type { BlobStore } from "#core/blob/blob-store.ts";
import type { Clock } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import type { SecretBox } from "#core/secret-box.ts";
import { pause } from "#core/supervise.ts";
import type { RunnerDatabase, RunnerTables } from "../database.ts";
import type { Resolver } from "../input/resolver.ts";
import type { StateBackend } from "../state/backend.ts";
import type { Terraform } from "../terraform/find.ts";
import { announceRun } from "./announce.ts";
import { openRunLog, type Phase, type RunLog } from "./log.ts";
import { dispatchNext, type PhaseSender } from "./queue.ts";
import type { RunRecord, RunState } from "./run.ts";
import { getRun, lockRun, updateRun, type RunChanges, now } from "./store.ts";
import { untilStored } from "./until-stored.ts";

export interface PhaseDeps {
  database: RunnerDatabase;
  boss: PhaseSender;
  blobs: BlobStore;
  box: SecretBox;
  clock: Clock;
  log: Log;
  resolver: Resolver;
  state: StateBackend;
  /** Throws a readable error when there is none. */
  terraform(): Promise<Terraform>;
  /** Where runs have their directories. */
  workDir: string;
  /** The address under which a run's Terraform reaches us. */
  url(): string;
  /** The host's environment, of which proxies and certificates pass to runs. */
  hostEnvironment: Readonly<Record<string, string | undefined>>;
  /** Terraform CLI configuration for every run; empty for none. */
  cliConfiguration: string;
  /** Longest time for one phase, in milliseconds. */
  phaseTimeoutMs: number;
  /** Announces soon what was committed. */
  wake(): void;
  /** Aborts when this process stops: plans go back to the queue, applies are interrupted. */
  stopping: AbortSignal;
}

/** The worker was overtaken: another one has the run, and what this one did no longer counts. */
export class OvertakenError extends Error {
  override readonly name = "OvertakenError";
  constructor({ id, attempt }: Pick<RunRecord, "id" | "attempt">) {
    super(`Cannot report attempt ${attempt} of run ${id}: another one has begun`);
  }
}

export interface RunToken {
  token: string;
  hash: Buffer;
}

/** A run's own credential: good for the state of its environment and for reading the registry, until the run ends. */
export function createRunToken(): RunToken {
  const token = `ingot_run_${randomBytes(32).toString("base64url")}`;
  return { token, hash: hashRunToken(token) };
}

export function hashRunToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/**
 * Runs a transaction on a run that this worker's attempt still owns and that is still in the state of its phase, so
 * that what was committed without an answer is not reported twice.
 */
export async function own<T>(
  { database, log }: Pick<PhaseDeps, "database" | "log">,
  run: Pick<RunRecord, "id" | "attempt" | "state">,
  change: (trx: Transaction<RunnerTables>, current: RunRecord) => Promise<T>,
): Promise<T> {
  const once = () =>
    database.kysely.transaction().execute(async (trx) => {
      const current = await lockRun(trx, run.id);
      if (isOvertaken(run, current)) throw new OvertakenError(run);
      return change(trx, current);
    });
  return untilStored(log, once);
}

function isOvertaken(
  run: Pick<RunRecord, "attempt" | "state">,
  current: Pick<RunRecord, "attempt" | "state">,
): boolean {
  return current.attempt !== run.attempt || current.state !== run.state;
}

export interface PhaseSteps<T> {
  work(log: RunLog): Promise<T>;
  /** Says how it went. A report that fails does not make the work a failure. */
  report(result: T): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** Does the work of a phase with its log, then reports; a worker that was overtaken meanwhile says nothing. */
export async function performPhase<T>(
  deps: PhaseDeps,
  { run, phase }: { run: RunRecord; phase: Phase },
  { work, report, fail }: PhaseSteps<T>,
): Promise<void> {
  const log = openRunLog(deps, { runId: run.id, phase });
  const [outcome] = await Promise.allSettled([work(log)]);
  await log.close();
  try {
    await (outcome.status === "fulfilled" ? report(outcome.value) : fail(outcome.reason));
  } catch (error) {
    if (!(error instanceof OvertakenError)) throw error;
    deps.log.warn({ run: run.id, number: run.number, attempt: run.attempt, phase }, "run was overtaken");
  } finally {
    deps.wake();
  }
}

/** Begins a phase: from now on only this attempt may report, with a token of its own. */
export async function beginAttempt(
  trx: Transaction<RunnerTables>,
  run: RunRecord,
  changes: RunChanges,
): Promise<{ run: RunRecord; token: string }> {
  const { token, hash } = createRunToken();
  const begun = await updateRun(trx, run.id, { ...changes, attempt: run.attempt + 1, token_hash: hash });
  return { run: begun, token };
}

type FinalState = Extract<RunState, "planned_no_changes" | "applied" | "errored" | "canceled">;

/** Ends the run, lets its token die and the next run begin. */
export async function endRun(
  trx: Transaction<RunnerTables>,
  { boss }: Pick<PhaseDeps, "boss">,
  { run, state, ...changes }: { run: RunRecord; state: FinalState } & RunChanges,
): Promise<RunRecord> {
  const ended = await updateRun(trx, run.id, {
    ...changes,
    state,
    ended_at: now,
    token_hash: null,
    process: null,
  });
  if (state === "errored") await announceRun(trx, "run.errored", { run: ended, error: ended.error ?? "" });
  if (state === "canceled")
    await announceRun(trx, "run.canceled", { run: ended, canceledBy: ended.endedBy ?? "" });
  await dispatchNext(trx, { send: boss.send.bind(boss) }, run.environmentId);
  return ended;
}

export interface CancelSignals extends Disposable {
  cancel: AbortSignal;
  /** Also when the run has been overtaken. */
  forceCancel: AbortSignal;
}

const watchEveryMs = 500;
/** What an interrupted plan gets when this process stops. */
const stopPlanMs = 5_000;

/** Looks at the run while a phase works on it: whichever process took the cancel, this one obeys. */
export function watchRun(
  { database, log, stopping }: Pick<PhaseDeps, "database" | "log" | "stopping">,
  run: RunRecord,
): CancelSignals {
  const cancel = new AbortController();
  const forceCancel = new AbortController();
  const look = async () => {
    const current = await getRun(database.kysely, run.id);
    if (current.cancelRequestedAt) cancel.abort();
    if (current.forceCancelRequestedAt) forceCancel.abort();
    if (isOvertaken(run, current)) forceCancel.abort();
  };
  const stop = new AbortController();
  const watch = async () => {
    for (; !stop.signal.aborted; await pause(watchEveryMs, stop.signal)) {
      await look().catch((error: unknown) =>
        log.warn({ run: run.id, err: error }, "run could not be watched"),
      );
    }
  };
  void watch();
  // A plan changes nothing and comes again, so it must not hold up the process; an apply gets the time that it needs.
  const killPlan = async () => {
    await pause(stopPlanMs, stop.signal);
    if (!stop.signal.aborted) forceCancel.abort();
  };
  if (run.state === "planning") {
    stopping.addEventListener("abort", () => void killPlan(), { once: true, signal: stop.signal });
  }
  return {
    cancel: AbortSignal.any([cancel.signal, stopping]),
    forceCancel: forceCancel.signal,
    [Symbol.dispose]: () => stop.abort(),
  };
}
