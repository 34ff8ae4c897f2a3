import type { Command } from "commander";
import { newIdempotencyKey } from "./client.ts";
import type { Context } from "./context.ts";
import { environmentPath } from "./names.ts";
import type { Run } from "./replies.ts";
import { followRun } from "./run-follow.ts";
import { nameRun } from "./run-name.ts";

interface StartOptions {
  message?: string;
  destroy?: boolean;
  follow?: boolean;
}

const examples = `
Prints the run's name, such as acmeinc/prod#4. With --follow the log comes after it, until the run waits for a
confirmation or has ended.

Examples:
  ingot run start acmeinc/prod --message "larger instances" --follow
  ingot run start acmeinc/prod --destroy`;

export function defineRunStart(command: Command, context: Context): void {
  command
    .description("Start a run: plan the environment's newest configuration.")
    .argument("<environment>", "NAMESPACE/NAME")
    .option("-m, --message <text>", "why")
    .option("--destroy", "plan to destroy everything in the state")
    .option("-f, --follow", "print the log as it comes")
    .addHelpText("after", examples)
    .action(async (environment: string, { follow, ...body }: StartOptions) => {
      const path = `${environmentPath(environment)}/runs`;
      const idempotencyKey = newIdempotencyKey();
      const run = await context.client.call<Run>("POST", path, { body, idempotencyKey });
      if (follow) await followStarted(context, run);
      else showStarted(context, run);
    });
}

function showStarted(context: Context, run: Run): void {
  context.show(run, (started) => `${nameRun(started)}\n`);
  context.note(`Started. Follow it: ingot run logs -f ${nameRun(run)}`);
}

async function followStarted(context: Context, run: Run): Promise<void> {
  const { terminal, json } = context;
  terminal.stdout.write(json ? `${JSON.stringify(run)}\n` : `${nameRun(run)}\n`);
  await followRun(context, run);
}
