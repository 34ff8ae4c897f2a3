import type { Command } from "commander";
import type { Context } from "./context.ts";
import { followRun } from "./run-follow.ts";
import { findRun, runArgument, runPath } from "./run-name.ts";

const examples = `
With -f it ends when the run waits for a confirmation or has ended, and exits with 0 when it is planned or applied,
with 1 when it errored or was stopped.

Examples:
  ingot run logs acmeinc/prod
  ingot run logs -f acmeinc/prod#4`;

export function defineLogs(command: Command, context: Context): void {
  command
    .description("Print a run's log.")
    .argument(...runArgument)
    .option("-f, --follow", "go on while the run goes on")
    .addHelpText("after", examples)
    .action(async (text: string, { follow }: { follow?: boolean }) => {
      const run = await findRun(context.client, text);
      if (follow) await followRun(context, run);
      else context.show(await context.client.text(`${runPath(run)}/log`), (log) => log);
    });
}
