import type { Command } from "commander";
import { Argument } from "commander";
import { defineConfigurations } from "./configurations.ts";
import { showList, type Context } from "./context.ts";
import { readEnvironmentPage, renderEnvironmentPage } from "./environment-page.ts";
import { formatAgo } from "./format.ts";
import { defineInputs } from "./inputs.ts";
import { environmentPath, splitName } from "./names.ts";
import type { Environment } from "./replies.ts";
import { formatTable, type Column, type Screen } from "./table.ts";
import { defineVariables } from "./variables.ts";

export function defineEnvironments(command: Command, context: Context): void {
  command.description("Environments: Terraform configurations with variables, inputs, state and runs.");
  defineList(command.command("list"), context);
  defineCreate(command.command("create"), context);
  defineShow(command.command("show"), context);
  defineVariables(command, context);
  defineInputs(command.command("input"), context);
  defineConfigurations(command.command("config"), context);
  defineAutoApply(command.command("auto-apply"), context);
  defineUnlock(command.command("unlock"), context);
}

function defineList(command: Command, context: Context): void {
  command.description("List the environments that the token may see, newest first.").action(async () => {
    const page = await context.client.list<Environment>("/api/v2/environments", { limit: Infinity });
    showList(context, page, { render: renderEnvironments, empty: "No environments." });
  });
}

function defineCreate(command: Command, context: Context): void {
  command
    .description("Create an environment. Needs the role admin in the namespace.")
    .argument("<environment>", "NAMESPACE/NAME")
    .option("-d, --description <text>", "what it is for")
    .option("--auto-apply", "apply plans without an operator's word")
    .addHelpText("after", '\nExamples:\n  ingot env create acmeinc/prod --description "The web tier"')
    .action(async (environment: string, options: { description?: string; autoApply?: boolean }) => {
      const body = { ...splitName(environment), ...options };
      const created = await context.client.call<Environment>("POST", "/api/v2/environments", { body });
      context.show(created, () => "");
      context.note(
        `Created the environment ${environment}. Next: ingot env config push ${environment} DIRECTORY`,
      );
    });
}

function defineShow(command: Command, context: Context): void {
  command
    .description("Show an environment with its inputs, variables and newest run.")
    .argument("<environment>", "NAMESPACE/NAME")
    .action(async (environment: string) => {
      context.show(await readEnvironmentPage(context.client, environment), renderEnvironmentPage);
    });
}

function defineAutoApply(command: Command, context: Context): void {
  command
    .description("Say whether plans are applied without an operator's word. Needs the role admin.")
    .argument("<environment>", "NAMESPACE/NAME")
    .addArgument(new Argument("<state>").choices(["on", "off"]))
    .action(async (environment: string, state: string) => {
      const body = { autoApply: state === "on" };
      const path = environmentPath(environment);
      context.show(await context.client.call<Environment>("PATCH", path, { body }), () => "");
      context.note(
        body.autoApply
          ? `From now on plans in ${environment} are applied by themselves.`
          : `From now on plans in ${environment} wait for ingot run confirm.`,
      );
    });
}

function defineUnlock(command: Command, context: Context): void {
  command
    .description(
      "Release an environment that a broken apply holds, and its state lock. Look at what exists first.",
    )
    .argument("<environment>", "NAMESPACE/NAME")
    .action(async (environment: string) => {
      const path = `${environmentPath(environment)}/lock`;
      context.show(await context.client.call("DELETE", path), () => "");
      context.note(`Released ${environment}: the next run in its queue starts.`);
    });
}

const columns: readonly Column<Environment>[] = [
  { title: "ENVIRONMENT", value: ({ namespace, name }) => `${namespace}/${name}`, style: () => "bold" },
  { title: "CONFIGURATION", value: ({ configuration }) => String(configuration ?? "none"), align: "right" },
  { title: "APPLIES", value: ({ autoApply }) => (autoApply ? "by itself" : "when confirmed") },
  { title: "HELD", value: ({ held }) => held?.reason ?? "", shrinks: true, style: () => "red" },
  { title: "CREATED", value: ({ createdAt }) => formatAgo(createdAt) },
  { title: "DESCRIPTION", value: ({ description }) => description, shrinks: true },
];

function renderEnvironments(environments: readonly Environment[], screen: Screen): string {
  return formatTable(environments, columns, screen);
}
