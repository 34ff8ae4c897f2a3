import type { Terraform } from "../terraform/find.ts";
import { createMasker, type Masker } from "../terraform/mask.ts";
import type { PlainVariable } from "../variable/variable.ts";
import type { Phase, RunLog } from "./log.ts";
import { watchRun, type CancelSignals, type PhaseDeps } from "./phase.ts";
import { recordProcess } from "./process.ts";
import type { RunRecord } from "./run.ts";
import { readSecrets } from "./secrets.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** Where the plan lies in the workspace. */
export const planFile = "ingot.tfplan";

/** What a phase is given. */
export interface PhaseWork {
  run: RunRecord;
  token: string;
  log: RunLog;
}

/** Terraform in the workspace of one phase. */
export interface Bench {
  terraform: Terraform;
  workspace: Workspace;
  signals: CancelSignals;
  log: RunLog;
  /** What no reader of the run may see. */
  secrets: readonly string[];
  masker: Masker;
  timeoutMs: number;
  /** Told of each process group that is started. */
  onStart(pid: number): void;
}

export interface BenchOptions extends PhaseWork {
  phase: Phase;
  terraform: Terraform;
  variables: readonly PlainVariable[];
  /** `.terraform.lock.hcl` of the plan, for the apply. */
  lockFile?: string | null;
}

export async function openBench(deps: PhaseDeps, options: BenchOptions): Promise<Bench & AsyncDisposable> {
  const { run, token, log, terraform, variables } = options;
  await using resources = new AsyncDisposableStack();
  const signals = resources.use(watchRun(deps, run));
  const workspace = resources.use(await openWorkspace(deps, options));
  const secrets = await readSecrets(deps, { run, token, variables });
  const opened = resources.move();
  return {
    terraform,
    workspace,
    signals,
    log,
    secrets,
    masker: createMasker(secrets),
    timeoutMs: deps.phaseTimeoutMs,
    onStart: (pid) => recordProcess(deps, run, pid),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
