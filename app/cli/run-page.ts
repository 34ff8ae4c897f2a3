import { formatAgo, formatTime } from "./format.ts";
import type { Run } from "./replies.ts";
import { nameRun } from "./run-name.ts";
import { explainState, listNextCommands, styleOfState } from "./run-state.ts";
import { describeCause, describeChanges, describeInput } from "./run-text.ts";
import { formatDetails, oneLine, type Screen } from "./table.ts";

export function renderRun(run: Run, screen: Screen): string {
  const state = screen.paint(styleOfState(run.state), explainState(run));
  const details = formatDetails(
    [
      ["id", run.id],
      ["message", run.cause.kind === "user" ? run.message : null],
      ["cause", describeCause(run)],
      ["destroys", run.destroy ? "everything in the state" : null],
      ["inputs", run.inputs.map(describeInput)],
      ["made with", describeMaking(run)],
      ["changes", describeChanges(run.changes)],
      ["confirmed", describeConfirmation(run)],
      ["ended by", run.endedBy],
      ["superseded", run.supersededBy && `by run ${run.supersededBy}`],
      ["times", describeTimes(run)],
      ["error", run.error],
      ["next", listNextCommands(run)],
    ],
    screen,
  );
  return `${screen.paint("bold", oneLine(nameRun(run)))} ${state}\n\n${details}`;
}

function describeMaking({ configuration, terraform }: Run): string {
  const parts = [
    configuration === null ? "" : `configuration ${configuration}`,
    terraform ? `${terraform.product} ${terraform.version}` : "",
  ];
  return parts.filter(Boolean).join(", ");
}

function describeConfirmation({ confirmedBy, confirmedAt }: Run): string {
  if (confirmedBy === null) return "";
  return `by ${confirmedBy}${confirmedAt === null ? "" : ` at ${formatTime(confirmedAt)}`}`;
}

function describeTimes(run: Run): string[] {
  const times: [string, string | null][] = [
    ["created", run.createdAt],
    ["planning", run.planningAt],
    ["planned", run.plannedAt],
    ["applying", run.applyingAt],
    ["ended", run.endedAt],
  ];
  return times.flatMap(([name, time]) =>
    time === null ? [] : [`${name.padEnd(8)}  ${formatTime(time)}  ${formatAgo(time)}`],
  );
}
