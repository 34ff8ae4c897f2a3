import type { Command } from "commander";
import type { Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { formatAgo } from "./format.ts";
import { environmentPath, parsePair, variableKey } from "./names.ts";
import type { Input } from "./replies.ts";
import { formatTable, type Column, type Screen } from "./table.ts";

interface InputOptions {
  type?: string;
  region?: string;
  remove?: boolean;
}

const examples = `
The variable gets the id of the image that the reference resolves to when a run is planned. Every version that
is published there from now on causes a run; a reference to a number stays with that version.

Examples:
  ingot env input acmeinc/prod web_ami=acmeinc/web:latest --type amazon.image --region us-east-1
  ingot env input acmeinc/prod web_ami --remove`;

export function defineInputs(command: Command, context: Context): void {
  command
    .description("Bind a Terraform variable to a reference, or unbind it.")
    .argument("<environment>", "NAMESPACE/NAME")
    .argument("<variable=reference>", "web_ami=acmeinc/web:latest; with --remove the variable alone")
    .option("-t, --type <type>", "artifact type")
    .option("-r, --region <region>", "region")
    .option("--remove", "unbind the variable")
    .addHelpText("after", examples)
    .action(async (environment: string, text: string, options: InputOptions) => {
      if (options.remove) await removeInput(context, environment, text);
      else await bindInput(context, environment, { text, options });
    });
}

async function bindInput(
  context: Context,
  environment: string,
  { text, options: { type, region } }: { text: string; options: InputOptions },
): Promise<void> {
  if (!text.includes("=")) throw new UsageError(`Cannot bind "${text}": expected VARIABLE=REFERENCE`);
  const { key, value: reference } = parsePair(text);
  const body = { reference, ...(type !== undefined && { type }), ...(region !== undefined && { region }) };
  const bound = await context.client.call<Input>("PUT", inputPath(environment, key), { body });
  context.show(bound, () => "");
  context.note(`Bound ${key} in ${environment} to ${describe(bound)}.`);
}

async function removeInput(context: Context, environment: string, text: string): Promise<void> {
  const key = text.split("=")[0] ?? "";
  context.show(await context.client.call("DELETE", inputPath(environment, key)), () => "");
  context.note(`Unbound ${key} in ${environment}.`);
}

function inputPath(environment: string, variable: string): string {
  return `${environmentPath(environment)}/inputs/${variableKey(variable)}`;
}

function describe({ reference, type, region }: Input): string {
  const narrowed = [type, region].filter((each) => each !== null);
  return narrowed.length === 0 ? reference : `${reference} (${narrowed.join(", ")})`;
}

const columns: readonly Column<Input>[] = [
  { title: "INPUT", value: ({ variable }) => variable },
  { title: "REFERENCE", value: ({ reference }) => reference },
  { title: "TYPE", value: ({ type }) => type ?? "any" },
  { title: "REGION", value: ({ region }) => region ?? "any" },
  { title: "SET", value: ({ updatedAt }) => formatAgo(updatedAt) },
  { title: "BY", value: ({ updatedBy }) => updatedBy },
];

export function renderInputs(inputs: readonly Input[], screen: Screen): string {
  return inputs.length === 0 ? "" : formatTable(inputs, columns, screen);
}
