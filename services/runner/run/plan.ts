import { readFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { codeOf, InvalidError, messageOf } from "#core/errors.ts";
import { lockEnvironment } from "../environment/store.ts";
import type { ResolvedInput } from "../input/input.ts";
import { declaredVariables } from "../terraform/plan-json.ts";
import { collectSensitiveValues } from "../terraform/plan-secrets.ts";
import { createMasker } from "../terraform/mask.ts";
import { diffPlan, type PlanDiff } from "../terraform/plan-diff.ts";
import type { PlainVariable } from "../variable/variable.ts";
import { announceRun } from "./announce.ts";
import { openBench, planFile, type PhaseWork } from "./bench.ts";
import { confirmRun } from "./decide.ts";
import { readVariables, resolveInputs, sealVariables, withInputs } from "./freeze.ts";
import { beginAttempt, endRun, own, performPhase, type PhaseDeps } from "./phase.ts";
import { findSuccessor, dispatchNext, supersede } from "./queue.ts";
import { clearLeftovers, releaseOwnLock } from "./recover.ts";
import { lockRun, updateRun, now } from "./store.ts";
import type { RunRecord, TerraformIdentity } from "./run.ts";
import { CanceledError, runCommand, showPlan } from "./terraform.ts";
import { lockFileName } from "./workspace.ts";

/** An input for which the configuration has no variable: Terraform only warns, and plans with something else. */
export class InputUndeclaredError extends InvalidError {
  constructor({ variable, reference }: ResolvedInput) {
    super(
      `Cannot use the input "${variable}" = "${reference}": the configuration declares no variable "${variable}"`,
    );
  }
}

/** Plans a run that is at the head of its environment's queue, and says how it went. */
export async function planRun(deps: PhaseDeps, runId: string): Promise<void> {
  await clearLeftovers(deps, runId);
  const begun = await begin(deps, runId);
  if (!begun) return deps.wake();
  const { run, token } = begun;
  await performPhase(
    deps,
    { run, phase: "plan" },
    {
      work: (log) => makePlan(deps, { run, token, log }),
      report: (plan) => report(deps, run, plan),
      fail: (error) => fail(deps, run, error),
    },
  );
}

/**
 * Undefined when the run has ended meanwhile, or has a plan already. A plan that begins again after its runner was
 * killed gives back the state lock of the first: a plan changes nothing.
 */
async function begin(deps: PhaseDeps, runId: string) {
  return deps.database.kysely.transaction().execute(async (trx) => {
    const run = await lockRun(trx, runId);
    if (run.state !== "pending" && run.state !== "planning") return undefined;
    await releaseOwnLock(trx, run);
    if (run.cancelRequestedAt) {
      await endRun(trx, deps, { run, state: "canceled" });
      return undefined;
    }
    const { configuration } = await lockEnvironment(trx, run.environmentId);
    const changes = { state: "planning", planning_at: now, configuration_number: configuration } as const;
    const begun = await beginAttempt(trx, run, changes);
    if (run.state === "pending") await announceRun(trx, "run.planning", { run: begun.run });
    return begun;
  });
}

interface Plan {
  key: string;
  diff: PlanDiff;
  lockFile: string | null;
}

async function makePlan(deps: PhaseDeps, { run, token, log }: PhaseWork): Promise<Plan> {
  const terraform = await deps.terraform();
  const { inputs, variables } = await freeze(deps, { run, token, terraform });
  await using bench = await openBench(deps, { run, phase: "plan", token, log, terraform, variables });
  const { directory } = bench.workspace;
  await runCommand(bench, { args: ["init", "-input=false", "-no-color"] });
  const destroy = run.destroy ? ["-destroy"] : [];
  await runCommand(bench, {
    args: [
      "plan",
      "-input=false",
      "-json",
      "-detailed-exitcode",
      "-lock-timeout=60s",
      ...destroy,
      `-out=${planFile}`,
    ],
    accept: [0, 2],
  });
  const json = await showPlan(bench, planFile);
  refuseUndeclared(inputs, json);
  const diff = diffPlan(json, createMasker(collectSensitiveValues(json, bench.secrets)));
  return {
    diff,
    key: await storePlan(deps, run, directory),
    lockFile: await readLockFile(directory),
  };
}

/** Fixes what the run is made of: from here on, later changes of the environment do not concern it. */
async function freeze(
  deps: PhaseDeps,
  { run, token, terraform }: Omit<PhaseWork, "log"> & { terraform: TerraformIdentity },
): Promise<{ inputs: ResolvedInput[]; variables: PlainVariable[] }> {
  const inputs = await resolveInputs(deps, { run, token });
  const variables = withInputs(await readVariables(deps, run.environmentId), inputs);
  const { product, version } = terraform;
  await own(deps, run, (trx) =>
    updateRun(trx, run.id, {
      inputs,
      variables: sealVariables(deps.box, run, variables),
      terraform: { product, version },
    }),
  );
  return { inputs, variables };
}

function refuseUndeclared(inputs: readonly ResolvedInput[], plan: unknown): void {
  const declared = declaredVariables(plan);
  const undeclared = inputs.find(({ variable }) => !declared.includes(variable));
  if (undeclared) throw new InputUndeclaredError(undeclared);
}

async function storePlan(deps: PhaseDeps, run: RunRecord, directory: string): Promise<string> {
  const bytes = await readFile(path.join(directory, planFile));
  const key = `plans/${run.id}/${run.attempt}`;
  await deps.blobs.put(key, Readable.from([deps.box.seal(bytes, key)]));
  return key;
}

async function readLockFile(directory: string): Promise<string | null> {
  try {
    return await readFile(path.join(directory, lockFileName), "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

async function report(deps: PhaseDeps, run: RunRecord, { key, diff, lockFile }: Plan): Promise<void> {
  const { add, change, destroy } = diff.summary;
  const hasChanges = !diff.isEmpty;
  const facts = { planned_at: now, diff, has_changes: hasChanges, process: null } as const;
  await own(deps, run, async (trx, current) => {
    if (current.cancelRequestedAt) {
      await endRun(trx, deps, { run: current, state: "canceled", diff });
      return;
    }
    if (!hasChanges) {
      const ended = await endRun(trx, deps, { run: current, state: "planned_no_changes", ...facts });
      await announceRun(trx, "run.planned", { run: ended, hasChanges, changes: { add, change, destroy } });
      return;
    }
    const waiting = {
      ...facts,
      state: "planned",
      plan_key: key,
      lock_file: lockFile,
      token_hash: null,
    } as const;
    const planned = await updateRun(trx, run.id, waiting);
    await announceRun(trx, "run.planned", { run: planned, hasChanges, changes: { add, change, destroy } });
    await decideNext(trx, deps, planned);
  });
  deps.log.info({ run: run.id, number: run.number, hasChanges, add, change, destroy }, "run planned");
}

/** A plan that was overtaken while it was made gives way; else it waits, unless the environment applies by itself. */
async function decideNext(
  trx: Parameters<typeof supersede>[0],
  deps: PhaseDeps,
  planned: RunRecord,
): Promise<void> {
  const successor = await findSuccessor(trx, planned);
  if (successor) {
    await supersede(trx, planned, successor);
    await dispatchNext(trx, deps.boss, planned.environmentId);
    return;
  }
  const environment = await lockEnvironment(trx, planned.environmentId);
  if (environment.autoApply) await confirmRun(trx, deps.boss, { id: planned.id, by: "auto-apply" });
}

async function fail(deps: PhaseDeps, run: RunRecord, error: unknown): Promise<void> {
  const canceled = error instanceof CanceledError;
  // The job fails too, and comes again when a runner works.
  if (canceled && deps.stopping.aborted) throw error;
  await own(deps, run, async (trx, current) => {
    await releaseOwnLock(trx, current);
    const ending = {
      run: current,
      state: canceled ? "canceled" : "errored",
      error: messageOf(error),
    } as const;
    await endRun(trx, deps, ending);
  });
  deps.log.warn({ run: run.id, number: run.number, err: error }, canceled ? "run canceled" : "run errored");
}
