import type { Command } from "commander";
import type { Context } from "./context.ts";
import { NotFoundError } from "./errors.ts";
import { defineDecisions } from "./run-decide.ts";
import { defineLogs } from "./run-logs.ts";
import { renderPlan } from "./run-plan.ts";
import { renderRun } from "./run-page.ts";
import { findRun, nameRun, runArgument, runPath } from "./run-name.ts";
import { defineRunStart } from "./run-start.ts";
import type { PlanDiff } from "./replies.ts";

export function defineRun(command: Command, context: Context): void {
  command.description("Start, follow, read and decide a run: one plan and, if confirmed, one apply.");
  defineRunStart(command.command("start"), context);
  defineShow(command.command("show"), context);
  definePlan(command.command("plan"), context);
  defineLogs(command.command("logs"), context);
  defineDecisions(command, context);
}

function defineShow(command: Command, context: Context): void {
  command
    .description("Show why a run exists, what it was made of, how far it is, and what can be done next.")
    .argument(...runArgument)
    .addHelpText(
      "after",
      "\nExamples:\n  ingot run show acmeinc/prod\n  ingot run show acmeinc/prod#4 --json",
    )
    .action(async (text: string) => {
      context.show(await findRun(context.client, text), renderRun);
    });
}

function definePlan(command: Command, context: Context): void {
  command
    .description("Show what a run's plan changes, attribute by attribute; secrets are masked.")
    .argument(...runArgument)
    .addHelpText("after", "\nExamples:\n  ingot run plan acmeinc/prod")
    .action(async (text: string) => {
      const run = await findRun(context.client, text);
      if (run.plannedAt === null) {
        throw new NotFoundError(`Cannot show the plan of ${nameRun(run)}: it has none, it is ${run.state}`);
      }
      context.show(await context.client.call<PlanDiff>("GET", `${runPath(run)}/plan`), renderPlan);
    });
}
