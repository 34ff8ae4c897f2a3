import { Option, type Command } from "commander";
import { showList, type Context } from "./context.ts";
import { formatAgo } from "./format.ts";
import { environmentPath, parseCount } from "./names.ts";
import type { Run } from "./replies.ts";
import { nameRun } from "./run-name.ts";
import { runStates, styleOfState } from "./run-state.ts";
import { shortenCause, shortenChanges } from "./run-text.ts";
import { formatTable, type Column, type Screen } from "./table.ts";

const examples = `
Examples:
  ingot runs
  ingot runs acmeinc/prod --limit 5
  ingot runs --state planned`;

export function defineRuns(command: Command, context: Context): void {
  command
    .description("List runs, newest first: of an environment, or all that the token may see.")
    .argument("[environment]", "NAMESPACE/NAME")
    .addOption(
      new Option("-s, --state <state>", "only runs in this state; planned ones wait").choices(runStates),
    )
    .option("-n, --limit <n>", "how many", parseCount, 20)
    .addHelpText("after", examples)
    .action(async (environment: string | undefined, { state, limit }: { state?: string; limit: number }) => {
      const path = environment === undefined ? "/api/v2/runs" : `${environmentPath(environment)}/runs`;
      const page = await context.client.list<Run>(path, { query: { state }, limit });
      showList(context, page, { render: renderRuns, empty: "No runs." });
    });
}

const columns: readonly Column<Run>[] = [
  { title: "RUN", value: nameRun, style: () => "bold" },
  { title: "STATE", value: ({ state }) => state, style: ({ state }) => styleOfState(state) },
  { title: "CHANGES", value: shortenChanges },
  { title: "CAUSE", value: shortenCause, shrinks: true },
  { title: "CREATED", value: ({ createdAt }) => formatAgo(createdAt) },
  { title: "CONFIRMED BY", value: ({ confirmedBy }) => confirmedBy ?? "" },
];

function renderRuns(runs: readonly Run[], screen: Screen): string {
  return formatTable(runs, columns, screen);
}
