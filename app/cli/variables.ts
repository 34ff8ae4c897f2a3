import type { Command } from "commander";
import type { Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { formatAgo, formatCount } from "./format.ts";
import { environmentPath, parsePair, variableKey, type Pair } from "./names.ts";
import type { Variable } from "./replies.ts";
import { readSecret } from "./secret.ts";
import { formatTable, type Column, type Screen } from "./table.ts";

interface SetOptions {
  env?: boolean;
  sensitive?: boolean;
  hcl?: boolean;
}

const examples = `
KEY=- reads the value from stdin, or asks for it on a terminal, so that it stays out of the shell's history.

Examples:
  ingot env set acmeinc/prod instance_type=t3.large
  ingot env set acmeinc/prod 'zones=["a","b"]' --hcl
  ingot env set acmeinc/prod --env AWS_REGION=us-east-1
  pass show aws | ingot env set acmeinc/prod --env --sensitive AWS_SECRET_ACCESS_KEY=-`;

export function defineVariables(environments: Command, context: Context): void {
  environments
    .command("set")
    .description("Set variables; the next run sees them.")
    .argument("<environment>", "NAMESPACE/NAME")
    .argument("<key=value...>", "one or more")
    .option("--env", "environment variables of the run instead of Terraform variables")
    .option("--sensitive", "write-only, and masked in logs and plans")
    .option("--hcl", "the value is an HCL expression instead of a string")
    .addHelpText("after", examples)
    .action(async (environment: string, texts: string[], options: SetOptions) => {
      await setVariables(context, environment, { texts, options });
    });
  environments
    .command("unset")
    .description("Delete variables.")
    .argument("<environment>", "NAMESPACE/NAME")
    .argument("<key...>", "one or more")
    .option("--env", "environment variables of the run instead of Terraform variables")
    .action(async (environment: string, keys: string[], { env }: SetOptions) => {
      for (const key of keys) {
        await context.client.call("DELETE", variablePath(environment, { key, env }));
        context.note(`Deleted ${key} in ${environment}.`);
      }
      context.show(null, () => "");
    });
}

async function setVariables(
  context: Context,
  environment: string,
  { texts, options: { env, sensitive = false, hcl = false } }: { texts: string[]; options: SetOptions },
): Promise<void> {
  const pairs = texts.map(parsePair);
  const paths = pairs.map(({ key }) => variablePath(environment, { key, env }));
  const values = await readValues(context, pairs);
  const stored: Variable[] = [];
  for (const [at, path] of paths.entries()) {
    const body = { value: values[at], sensitive, hcl };
    stored.push(await context.client.call<Variable>("PUT", path, { body }));
  }
  context.show(stored, () => "");
  const kind = env ? "environment variable" : "variable";
  context.note(
    `Set ${formatCount(stored.length, kind)} in ${environment}: ${stored.map(({ key }) => key).join(", ")}.`,
  );
}

async function readValues({ terminal }: Context, pairs: readonly Pair[]): Promise<string[]> {
  const asked = pairs.filter(({ value }) => value === "-");
  if (asked.length > 1 && !terminal.stdin.isTTY) {
    throw new UsageError("Cannot read more than one value from stdin: give KEY=- once");
  }
  const values: string[] = [];
  for (const { key, value } of pairs) {
    values.push(value === "-" ? await readSecret(terminal, `Value of ${key}: `) : value);
  }
  return values;
}

function variablePath(environment: string, { key, env }: { key: string; env?: boolean | undefined }): string {
  return `${environmentPath(environment)}/variables/${env ? "env" : "terraform"}/${variableKey(key)}`;
}

const columns: readonly Column<Variable>[] = [
  { title: "VARIABLE", value: ({ key }) => key },
  { title: "VALUE", value: ({ value }) => value ?? "(sensitive)", shrinks: true },
  { title: "KIND", value: ({ category, hcl }) => (hcl ? "terraform, hcl" : category) },
  { title: "SET", value: ({ updatedAt }) => formatAgo(updatedAt) },
  { title: "BY", value: ({ updatedBy }) => updatedBy },
];

export function renderVariables(variables: readonly Variable[], screen: Screen): string {
  return variables.length === 0 ? "" : formatTable(variables, columns, screen);
}
