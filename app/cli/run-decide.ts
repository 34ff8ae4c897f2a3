import type { Command } from "commander";
import type { Context } from "./context.ts";
import type { Run } from "./replies.ts";
import { followRun } from "./run-follow.ts";
import { findRun, nameRun, runArgument, runPath } from "./run-name.ts";
import { explainState } from "./run-state.ts";

/** What an operator decides about a run. */
export function defineDecisions(runs: Command, context: Context): void {
  defineConfirm(runs.command("confirm"), context);
  runs
    .command("discard")
    .description("Discard a planned run; nothing is changed.")
    .argument(...runArgument)
    .action(async (text: string) => showDecided(context, await decide(context, text, "discard")));
  runs
    .command("cancel")
    .description("Cancel a run that has not ended; Terraform is interrupted.")
    .argument(...runArgument)
    .option(
      "--force",
      "kill a Terraform that has not stopped 10 s after a cancel; its state may be incomplete",
    )
    .action(async (text: string, { force }: { force?: boolean }) =>
      showDecided(context, await decide(context, text, force ? "force-cancel" : "cancel")),
    );
}

function defineConfirm(command: Command, context: Context): void {
  command
    .description("Confirm a planned run: exactly its plan is applied.")
    .argument(...runArgument)
    .option("-f, --follow", "print the log of the apply as it comes")
    .addHelpText("after", "\nExamples:\n  ingot run confirm acmeinc/prod --follow")
    .action(async (text: string, { follow }: { follow?: boolean }) => {
      const run = await decide(context, text, "confirm");
      if (follow) await followRun(context, run, { phase: "apply" });
      else showDecided(context, run);
    });
}

async function decide({ client }: Context, text: string, decision: string): Promise<Run> {
  const run = await findRun(client, text);
  return client.call<Run>("POST", `${runPath(run)}/${decision}`);
}

function showDecided(context: Context, run: Run): void {
  context.show(run, () => "");
  context.note(`${nameRun(run)} ${explainState(run)}.`);
}
