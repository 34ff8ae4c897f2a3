import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { ConflictError, messageOf } from "#core/errors.ts";
import { holdEnvironment } from "../environment/store.ts";
import { readReferences, type StateReference } from "../state/references.ts";
import { createMasker } from "../terraform/mask.ts";
import { collectSensitiveValues } from "../terraform/plan-secrets.ts";
import { announceRun } from "./announce.ts";
import { openBench, planFile, type PhaseWork } from "./bench.ts";
import { openVariables, recheckInputs } from "./freeze.ts";
import { beginAttempt, endRun, own, performPhase, type PhaseDeps } from "./phase.ts";
import { endLeftover, holdsLock } from "./recover.ts";
import { rescueState, StateUnsavedError, unsavedFile } from "./rescue.ts";
import { getRunSecrets, lockRun, now } from "./store.ts";
import type { RunRecord } from "./run.ts";
import { CanceledError, runCommand, showPlan } from "./terraform.ts";
import { untilStored } from "./until-stored.ts";
import { directoryOf, workDirectoryOf } from "./workspace.ts";

export class PlanOutdatedError extends ConflictError {
  constructor(run: RunRecord, rule: string) {
    super(`Cannot apply the plan of run ${run.number}: ${rule}`);
  }
}

/** Applies the plan of a confirmed run; a run whose apply broke off is never applied again. */
export async function applyRun(deps: PhaseDeps, runId: string): Promise<void> {
  const begun = await begin(deps, runId);
  if (!begun) return;
  if ("broken" in begun) return giveUp(deps, begun.broken);
  const { run, token } = begun;
  await performPhase(
    deps,
    { run, phase: "apply" },
    {
      work: (log) => applyPlan(deps, { run, token, log }),
      report: () => succeed(deps, run),
      fail: (error) => fail(deps, run, error),
    },
  );
}

async function begin(deps: PhaseDeps, runId: string) {
  return deps.database.kysely.transaction().execute(async (trx) => {
    const run = await lockRun(trx, runId);
    if (run.state === "applying") return { broken: run };
    if (run.state !== "confirmed") return undefined;
    const begun = await beginAttempt(trx, run, { state: "applying", applying_at: now });
    await announceRun(trx, "run.applying", { run: begun.run });
    return begun;
  });
}

async function applyPlan(deps: PhaseDeps, { run, token, log }: PhaseWork): Promise<void> {
  const terraform = await deps.terraform();
  const made = run.terraform;
  if (made && (made.product !== terraform.product || made.version !== terraform.version)) {
    const rule = `it was made by ${made.product} ${made.version}, here is ${terraform.product} ${terraform.version}`;
    throw new PlanOutdatedError(run, rule);
  }
  await recheckInputs(deps.resolver, { run, token });
  const { variables: sealed, lockFile } = await getRunSecrets(deps.database.kysely, run.id);
  const variables = openVariables(deps.box, run, sealed);
  const options = { run, phase: "apply", token, log, terraform, variables, lockFile } as const;
  await using bench = await openBench(deps, options);
  const { directory } = bench.workspace;
  await writeFile(path.join(directory, planFile), await readPlan(deps, run), { mode: 0o600 });
  await runCommand(bench, { args: ["init", "-input=false", "-no-color"] });
  const masker = createMasker(collectSensitiveValues(await showPlan(bench, planFile), bench.secrets));
  // One that came with the configuration is not what this apply leaves.
  await rm(path.join(directory, unsavedFile), { force: true });
  try {
    await runCommand(
      { ...bench, masker },
      { args: ["apply", "-input=false", "-json", "-lock-timeout=60s", planFile] },
    );
  } catch (error) {
    throw (await rescueState(deps, { run, directory, error })) ?? error;
  }
}

async function readPlan(deps: PhaseDeps, run: RunRecord): Promise<Uint8Array> {
  const key = run.planKey ?? "";
  return deps.box.open(await buffer(await deps.blobs.get(key)), key);
}

async function succeed(deps: PhaseDeps, run: RunRecord): Promise<void> {
  const references = await untilStored(deps.log, () => learnReferences(deps, run));
  await own(deps, run, async (trx, current) => {
    const applied = await endRun(trx, deps, { run: current, state: "applied" });
    await announceRun(trx, "run.applied", { run: applied, references });
  });
  deps.log.info({ run: run.id, number: run.number }, "run applied");
}

/** What the new state uses. A state that cannot be read is no reason to call the apply a failure. */
async function learnReferences(
  { state, log }: Pick<PhaseDeps, "state" | "log">,
  run: RunRecord,
): Promise<StateReference[]> {
  const stored = await state.read({ id: run.environmentId });
  try {
    return stored ? readReferences(stored.body) : [];
  } catch (error) {
    log.warn({ run: run.id, err: error }, "state could not be searched for references");
    return [];
  }
}

async function fail(deps: PhaseDeps, run: RunRecord, error: unknown): Promise<void> {
  await own(deps, run, async (trx, current) => {
    const ending = endingOf(error, current);
    const isDoubtful = error instanceof StateUnsavedError || ending.isForced || (await holdsLock(trx, run));
    const reason = `run ${run.number}: ${ending.error}`;
    if (isDoubtful) await holdEnvironment(trx, run.environmentId, { run: run.id, reason });
    await endRun(trx, deps, { run: current, state: ending.state, error: ending.error });
  });
  deps.log.warn({ run: run.id, number: run.number, err: error }, "run was not applied");
}

/** An interrupted apply was canceled by somebody, or by the end of this process. */
function endingOf(error: unknown, { cancelRequestedAt }: RunRecord) {
  const cause = error instanceof StateUnsavedError ? error.cause : error;
  const isCanceled = cause instanceof CanceledError;
  const isForced = isCanceled && cause.forced;
  if (!isCanceled || cancelRequestedAt) {
    return { state: isCanceled ? "canceled" : "errored", error: messageOf(error), isForced } as const;
  }
  const text = `the runner was stopped while it applied the plan: ${messageOf(error)}. Start a new run to go on`;
  return { state: "errored", error: text, isForced } as const;
}

const gaveUp =
  "the runner ended while it applied the plan: the state may be incomplete and stays locked. Look at what exists, then release the environment with ingot env unlock and start a run";

/** The runner that applied is gone. What Terraform did until then is unknown, so an operator has to look. */
async function giveUp(deps: PhaseDeps, run: RunRecord): Promise<void> {
  await endLeftover(deps, run.id);
  const directory = workDirectoryOf(deps, { run, phase: "apply" });
  const unsaved = await rescueState(deps, { run, directory, error: new Error(gaveUp) });
  await rm(directoryOf(deps, run.id), { recursive: true, force: true });
  const error = messageOf(unsaved ?? gaveUp);
  await own(deps, run, async (trx, current) => {
    await holdEnvironment(trx, run.environmentId, { run: run.id, reason: `run ${run.number}: ${error}` });
    await endRun(trx, deps, { run: current, state: "errored", error });
  });
  deps.log.error({ run: run.id, number: run.number }, "run errored: its runner ended while applying");
  deps.wake();
}
