import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { extractArchive } from "../configuration/archive.ts";
import { getConfiguration } from "../configuration/store.ts";
import { writeRunFiles, writeRunHome } from "../terraform/run-files.ts";
import { terraformEnvironment } from "../terraform/environment.ts";
import type { PlainVariable } from "../variable/variable.ts";
import type { Phase } from "./log.ts";
import type { PhaseDeps } from "./phase.ts";
import { environmentOf, type RunRecord } from "./run.ts";

/** A fresh directory with the run's frozen configuration, and the environment of the Terraform that works in it. */
export interface Workspace extends AsyncDisposable {
  directory: string;
  env: Record<string, string>;
}

export interface WorkspaceOptions {
  run: RunRecord;
  phase: Phase;
  token: string;
  variables: readonly PlainVariable[];
  /** `.terraform.lock.hcl` of the plan, for the apply. */
  lockFile?: string | null;
}

/** Where the phases of a run have their directories; gone between them. */
export function directoryOf({ workDir }: Pick<PhaseDeps, "workDir">, runId: string): string {
  return path.join(workDir, runId);
}

/** Where Terraform works in one attempt of a phase. */
export function workDirectoryOf(
  deps: Pick<PhaseDeps, "workDir">,
  { run, phase }: { run: Pick<RunRecord, "id" | "attempt">; phase: Phase },
): string {
  return path.join(directoryOf(deps, run.id), `${phase}-${run.attempt}`, "work");
}

export const lockFileName = ".terraform.lock.hcl";

export async function openWorkspace(deps: PhaseDeps, options: WorkspaceOptions): Promise<Workspace> {
  const { run, phase, token, variables, lockFile } = options;
  await using resources = new AsyncDisposableStack();
  resources.defer(() => rm(directoryOf(deps, run.id), { recursive: true, force: true }));
  const directory = workDirectoryOf(deps, { run, phase });
  const home = path.join(path.dirname(directory), "home");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const configuration = await getConfiguration(
    deps.database.kysely,
    run.environmentId,
    run.configurationNumber ?? 0,
  );
  await extractArchive(await deps.blobs.get(configuration.blobKey), directory);
  await writeRunHome(home, deps.cliConfiguration);
  const terraformVariables = variables.filter(({ category }) => category === "terraform");
  await writeRunFiles(directory, { terraformVariables });
  if (lockFile) await writeFile(path.join(directory, lockFileName), lockFile);
  const env = environmentFor(deps, { run, token, variables, home });
  const opened = resources.move();
  return { directory, env, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function environmentFor(
  { url, hostEnvironment }: PhaseDeps,
  { run, token, variables, home }: Pick<WorkspaceOptions, "run" | "token" | "variables"> & { home: string },
): Record<string, string> {
  const base = url();
  const variablesOfRun = variables.filter(({ category }) => category === "env");
  const environment = terraformEnvironment({
    home,
    path: hostEnvironment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    stateUrl: `${base}/api/v2/environments/${environmentOf(run)}/state`,
    username: `run-${run.id}`,
    password: token,
    variables: variablesOfRun.map(({ key, value }) => ({ name: key, value })),
    host: hostEnvironment,
  });
  const own = {
    ATLAS_ADDRESS: base,
    ATLAS_TOKEN: token,
    ATLAS_RUN_ID: run.id,
    INGOT_URL: base,
    INGOT_TOKEN: token,
  };
  return { ...environment, ...own };
}
