import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InvalidError } from "#core/errors.ts";
import { cliConfigurationFile, temporaryDirectory } from "./environment.ts";
import { assignHcl } from "./hcl-value.ts";
import { InvalidRunVariableError } from "./variable-error.ts";

/** With `hcl` the value is an HCL expression, else a string that arrives as it is. */
export type TerraformVariable = { key: string; value: string; hcl: boolean };

export class ConfigurationFileConflictError extends InvalidError {
  constructor(file: string) {
    super(
      `Cannot use configuration file "${file}": its name sorts at or after the runner's "zz_ingot" files`,
    );
  }
}

const overrideFile = "zz_ingot_override.tf";
const stringsFile = "zz_ingot.auto.tfvars.json";
const hclFile = "zz_ingot.auto.tfvars";
// Empty: the address and the credentials come from the environment, and `.terraform/` records neither.
const httpBackend = 'terraform {\n  backend "http" {}\n}\n';
// Terraform merges these in the order of their names, and the last one wins. OpenTofu reads `.tofu` before `.tf`.
const mergedByName = /(?:^|_)override\.(?:tf|tofu)(?:\.json)?$|\.auto\.tfvars(?:\.json)?$/;
const keyPattern = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** Makes the directory that a run has as its home, with its command-line configuration (`.terraformrc`). */
export async function writeRunHome(home: string, cliConfiguration = ""): Promise<void> {
  await mkdir(temporaryDirectory(home), { recursive: true, mode: 0o700 });
  await writePrivately(cliConfigurationFile(home), cliConfiguration);
}

/**
 * Adds to a root module what binds it to its environment: the state backend, in the place of any `backend` or
 * `cloud` block, and the variables. Throws `InvalidRunVariableError` and `ConfigurationFileConflictError`.
 */
export async function writeRunFiles(
  directory: string,
  { terraformVariables }: { terraformVariables: readonly TerraformVariable[] },
): Promise<void> {
  refuseBadKeys(terraformVariables);
  refuseConflicts(await readdir(directory));
  await writePrivately(join(directory, overrideFile), httpBackend);
  await writePrivately(join(directory, stringsFile), stringVariables(terraformVariables));
  await writePrivately(join(directory, hclFile), hclVariables(terraformVariables));
}

function refuseBadKeys(variables: readonly TerraformVariable[]): void {
  const seen = new Set<string>();
  for (const { key } of variables) {
    if (!keyPattern.test(key)) {
      throw new InvalidRunVariableError(key, "a key has letters, digits, underscores and hyphens only");
    }
    if (seen.has(key)) throw new InvalidRunVariableError(key, "it is set twice");
    seen.add(key);
  }
}

/** Throws `ConfigurationFileConflictError` for a file that would load after the runner's own. */
export function refuseConflicts(files: readonly string[]): void {
  const conflict = files.find(
    (file) => mergedByName.test(file) && Buffer.compare(Buffer.from(file), ours) >= 0,
  );
  if (conflict) throw new ConfigurationFileConflictError(conflict);
}

const ours = Buffer.from("zz_ingot");

function stringVariables(variables: readonly TerraformVariable[]): string {
  const strings = variables.filter(({ hcl }) => !hcl).map(({ key, value }) => [key, value]);
  return `${JSON.stringify(Object.fromEntries(strings), null, 2)}\n`;
}

function hclVariables(variables: readonly TerraformVariable[]): string {
  return variables
    .filter(({ hcl }) => hcl)
    .map(({ key, value }) => assignHcl(key, value))
    .join("");
}

async function writePrivately(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flag: "wx" });
}
