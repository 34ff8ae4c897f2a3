import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { sql } from "kysely";
import { codeOf, ConflictError, messageOf } from "#core/errors.ts";
import { holdEnvironment } from "../environment/store.ts";
import { createMasker } from "../terraform/mask.ts";
import { collectSensitiveValues } from "../terraform/plan-secrets.ts";
import { announceRun } from "./announce.ts";
import { openVariables, recheckInputs } from "./freeze.ts";
import { openRunLog, type RunLog } from "./log.ts";
import { beginAttempt, endRun, OvertakenError, own, watchRun, type PhaseDeps } from "./phase.ts";
import { secretsOf } from "./plan.ts";
import { endProcess, recordProcess } from "./process.ts";
import { getRunSecrets, lockRun } from "./store.ts";
import type { RunRecord } from "./run.ts";
import { CanceledError, runCommand, showPlan, type Bench } from "./terraform.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

const planFile = "ingot.tfplan";
const now = sql`now()` as never;

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
  const log = openRunLog(deps.database.kysely, { runId, phase: "apply" });
  try {
    await applyPlan(deps, { run, token, log });
    await log.close();
    await own(deps, run, async (trx, current) => {
      const applied = await endRun(trx, deps, { run: current, state: "applied" });
      await announceRun(trx, "run.applied", { run: applied, references: [] });
    });
    deps.log.info({ run: run.id, number: run.number }, "run applied");
  } catch (error) {
    await log.close();
    await fail(deps, run, error);
  } finally {
    deps.wake();
  }
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

interface Work {
  run: RunRecord;
  token: string;
  log: RunLog;
}

async function applyPlan(deps: PhaseDeps, { run, token, log }: Work): Promise<void> {
  const terraform = await deps.terraform();
  const made = run.terraform;
  if (made && (made.product !== terraform.product || made.version !== terraform.version)) {
    const rule = `it was made by ${made.product} ${made.version}, here is ${terraform.product} ${terraform.version}`;
    throw new PlanOutdatedError(run, rule);
  }
  await recheckInputs(deps.resolver, { run, token });
  const { variables: sealed, lockFile } = await getRunSecrets(deps.database.kysely, run.id);
  const variables = openVariables(deps.box, run, sealed);
  await using workspace = await openWorkspace(deps, { run, phase: "apply", token, variables, lockFile });
  await writeFile(path.join(workspace.directory, planFile), await readPlan(deps, run), { mode: 0o600 });
  using signals = watchRun(deps, run);
  const secrets = secretsOf(variables, token);
  const bench: Bench = {
    terraform,
    workspace,
    signals,
    log,
    masker: createMasker(secrets),
    timeoutMs: deps.phaseTimeoutMs,
    onStart: (pid) => recordProcess(deps, run, pid),
  };
  await runCommand(bench, { args: ["init", "-input=false", "-no-color"] });
  const masker = createMasker(collectSensitiveValues(await showPlan(bench, planFile), secrets));
  try {
    await runCommand(
      { ...bench, masker },
      { args: ["apply", "-input=false", "-json", "-lock-timeout=60s", planFile] },
    );
  } catch (error) {
    throw (await rescueState(deps, { run, workspace, error })) ?? error;
  }
}

async function readPlan(deps: PhaseDeps, run: RunRecord): Promise<Uint8Array> {
  const key = run.planKey ?? "";
  return deps.box.open(await buffer(await deps.blobs.get(key)), key);
}

/** The state could not be stored when the apply ended: Terraform left it in a file, which must not go with the directory. */
export class StateUnsavedError extends Error {
  override readonly name = "StateUnsavedError";
  constructor(key: string, options: ErrorOptions) {
    super(
      `${messageOf(options.cause)}. The new state could not be stored in the environment; it is kept, sealed, as blob "${key}"`,
      options,
    );
  }
}

async function rescueState(
  deps: PhaseDeps,
  { run, workspace, error }: { run: RunRecord; workspace: Workspace; error: unknown },
): Promise<StateUnsavedError | undefined> {
  try {
    const body = await readFile(path.join(workspace.directory, "errored.tfstate"));
    const key = `errored-states/${run.id}`;
    await deps.blobs.put(key, Readable.from([deps.box.seal(body, key)]));
    return new StateUnsavedError(key, { cause: error });
  } catch (missing) {
    if (codeOf(missing) === "ENOENT") return undefined;
    throw missing;
  }
}

async function fail(deps: PhaseDeps, run: RunRecord, error: unknown): Promise<void> {
  if (error instanceof OvertakenError) return;
  const canceled = error instanceof CanceledError;
  const doubtful = error instanceof StateUnsavedError || (canceled && error.forced);
  deps.log.warn({ run: run.id, number: run.number, err: error }, canceled ? "run canceled" : "run errored");
  await own(deps, run, async (trx, current) => {
    const reason = `run ${run.number}: ${messageOf(error)}`;
    if (doubtful) await holdEnvironment(trx, run.environmentId, { run: run.id, reason });
    await endRun(trx, deps, {
      run: current,
      state: canceled ? "canceled" : "errored",
      error: messageOf(error),
    });
  });
}

/** The runner that applied is gone. What Terraform did until then is unknown, so an operator has to look. */
async function giveUp(deps: PhaseDeps, run: RunRecord): Promise<void> {
  const { process } = await getRunSecrets(deps.database.kysely, run.id);
  if (process) await endProcess(process);
  const error =
    "the runner ended while it applied the plan: the state may be incomplete and stays locked. Look at what exists, then release the environment with ingot env unlock and start a run";
  await own(deps, run, async (trx, current) => {
    await holdEnvironment(trx, run.environmentId, { run: run.id, reason: `run ${run.number}: ${error}` });
    await endRun(trx, deps, { run: current, state: "errored", error });
  });
  deps.log.error({ run: run.id, number: run.number }, "run errored: its runner ended while applying");
  deps.wake();
}
