import { stripVTControlCharacters } from "node:util";
import type { Context } from "./context.ts";
import { FailedError } from "./errors.ts";
import { followEvents, type ServerEvent } from "./events.ts";
import type { Run } from "./replies.ts";
import { nameRun, runPath } from "./run-name.ts";
import { explainState, isSettled, isSuccess, listNextCommands, type RunState } from "./run-state.ts";
import { describeChanges } from "./run-text.ts";

export interface FollowedPhase {
  /** Leaves out the log of the plan. */
  phase?: "apply";
}

interface LogPiece {
  phase: "plan" | "apply";
  text: string;
}

/** Prints the log as it comes, until the run waits for a confirmation or has ended; throws when it ended badly. */
export async function followRun(context: Context, run: Run, { phase }: FollowedPhase = {}): Promise<void> {
  const { terminal, client } = context;
  const options = {
    signal: terminal.signal,
    onBreak: () => context.note("The connection broke; trying again."),
  };
  using wait = noteLongWait(context, run);
  for await (const event of followEvents(client, `${runPath(run)}/events`, options)) {
    const state = readState(event);
    if (state !== "pending") wait[Symbol.dispose]();
    if (state === undefined) printLog(context, event, phase);
    else if (context.json) terminal.stdout.write(`${JSON.stringify({ state })}\n`);
    if (state !== undefined && isSettled(state)) break;
  }
  if (!terminal.signal.aborted) report(context, await client.call<Run>("GET", runPath(run)));
}

const longWaitMs = 2000;

/** A run behind one that nobody has confirmed can wait for days, and has no log that could tell. */
function noteLongWait(context: Context, run: Run): Disposable {
  const text = `${nameRun(run)} waits for its turn; ingot runs ${run.environment} shows what is before it.`;
  const timer = setTimeout(() => context.note(text), longWaitMs);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

function readState({ type, data }: ServerEvent): RunState | undefined {
  return type === "state" ? (JSON.parse(data) as { state: RunState }).state : undefined;
}

function printLog({ terminal, json }: Context, { id, type, data }: ServerEvent, phase?: "apply"): void {
  if (type !== "log") return;
  const piece = JSON.parse(data) as LogPiece;
  if (phase !== undefined && piece.phase !== phase) return;
  if (json) terminal.stdout.write(`${JSON.stringify({ seq: Number(id), ...piece })}\n`);
  else terminal.stdout.write(terminal.stdout.isTTY ? stripVTControlCharacters(piece.text) : piece.text);
}

function report(context: Context, run: Run): void {
  const said = `${nameRun(run)} ${explainState(run)}`;
  const next = listNextCommands(run).map((command) => `  ${command}`);
  if (!isSuccess(run.state)) {
    throw new FailedError(run.error === null ? said : `${said}: ${run.error}`, { notes: next });
  }
  const changes = run.state === "planned" ? `: ${describeChanges(run.changes)}` : "";
  context.note([`${said}${changes}.`, ...next].join("\n"));
}
