import type { Run } from "./replies.ts";
import { nameRun } from "./run-name.ts";
import type { Style } from "./table.ts";

export type RunState = Run["state"];

const styles: Partial<Record<RunState, Style>> = {
  planned: "yellow",
  applied: "green",
  planned_no_changes: "green",
  errored: "red",
  canceled: "red",
  planning: "cyan",
  confirmed: "cyan",
  applying: "cyan",
  pending: "dim",
  discarded: "dim",
  superseded: "dim",
};

export function styleOfState(state: RunState): Style | undefined {
  return styles[state];
}

/** The states in which nothing more happens by itself. */
export function isSettled(state: RunState): boolean {
  return state === "planned" || isEnded(state);
}

export function isEnded(state: RunState): boolean {
  return ["planned_no_changes", "applied", "errored", "discarded", "superseded", "canceled"].includes(state);
}

export function isSuccess(state: RunState): boolean {
  return state === "planned" || state === "planned_no_changes" || state === "applied";
}

const explanations: Record<RunState, string> = {
  pending: "waits for its turn",
  planning: "is being planned",
  planned: "is planned and waits for a confirmation",
  planned_no_changes: "is planned: nothing to change",
  confirmed: "is confirmed and waits for its apply",
  applying: "is being applied",
  applied: "is applied",
  errored: "errored",
  discarded: "was discarded",
  superseded: "was superseded by a newer run",
  canceled: "was canceled",
};

export const runStates = Object.keys(explanations);

/** `is planned and waits for a confirmation` */
export function explainState({ state, cancelRequested }: Pick<Run, "state" | "cancelRequested">): string {
  const stopping = cancelRequested && !isEnded(state) ? ", and is being canceled" : "";
  return `${explanations[state]}${stopping}`;
}

/** The commands that the run's state allows. */
export function listNextCommands(run: Run): string[] {
  const name = nameRun(run);
  if (run.state === "planned") {
    return [`ingot run plan ${name}`, `ingot run confirm ${name} --follow`, `ingot run discard ${name}`];
  }
  if (run.state === "errored")
    return [`ingot run logs ${name}`, `ingot run start ${run.environment} --follow`];
  if (isEnded(run.state)) return [];
  const cancel = run.cancelRequested ? `ingot run cancel ${name} --force` : `ingot run cancel ${name}`;
  return [`ingot run logs -f ${name}`, cancel];
}
