import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { messageOf, UnavailableError } from "#core/errors.ts";
import { drain, LineReader } from "./line-reader.ts";
import { StopLadder, type StopPauses, type StopReason } from "./stop-ladder.ts";

export type TerraformCommand = {
  terraform: { path: string };
  args: readonly string[];
  cwd: string;
  /** All the environment there is: nothing is inherited. */
  env: Readonly<Record<string, string>>;
  timeoutMs: number;
  /** Interrupts once, and leaves Terraform the time that it needs to stop well. */
  cancel?: AbortSignal;
  /** Interrupts again, then kills the whole process group. */
  forceCancel?: AbortSignal;
  /** A pending promise holds back the process: no more of this stream is read until it is settled. */
  onLine: (stream: "stdout" | "stderr", line: string) => void | Promise<void>;
  /** Told of the process group's leader as soon as it runs. */
  onStart?: (pid: number) => void;
  /** In characters; a longer line is replaced by a note of its length. Default 1 Mi. */
  maxLineLength?: number;
  /** Defaults: 30 s after the interrupt of a timeout, 5 s before SIGKILL. */
  pauses?: StopPauses;
};

export type TerraformExit = {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** What was asked for first or harder; a process that ends well in spite of it still has its exit code. */
  reason: "exited" | StopReason;
};

export class TerraformStartError extends UnavailableError {
  constructor(path: string, cause: unknown) {
    super(`Cannot start "${path}": ${messageOf(cause)}`, { cause });
  }
}

const maxLineLength = 1024 * 1024;
const idleAfterExitMs = 1000;

/**
 * Runs Terraform as the leader of a process group and resolves when it has exited and its output is read. What
 * is left of the group is killed then. Rejects when it cannot be started, and with the first error of `onLine`,
 * but not before Terraform has ended: a log that cannot be written must not break an apply.
 */
export async function runTerraform(command: TerraformCommand): Promise<TerraformExit> {
  if (command.forceCancel?.aborted) return { exitCode: null, signal: null, reason: "force-canceled" };
  if (command.cancel?.aborted) return { exitCode: null, signal: null, reason: "canceled" };

  const { child, pid, exited } = await start(command);
  command.onStart?.(pid);
  const readers = readOutput(child, command);
  const { exit, reason } = await superviseExit(pid, exited, command);
  await drain(readers, idleAfterExitMs);
  const failed = readers.find((reader) => reader.error !== undefined);
  if (failed) throw failed.error;
  return { ...exit, reason };
}

type Child = ChildProcessByStdio<null, Readable, Readable>;
type Exit = Pick<TerraformExit, "exitCode" | "signal">;

async function start({ terraform, args, cwd, env }: TerraformCommand): Promise<{
  child: Child;
  pid: number;
  exited: Promise<Exit>;
}> {
  const { promise: exited, resolve } = Promise.withResolvers<Exit>();
  try {
    const child = spawn(terraform.path, args, {
      cwd,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
    await once(child, "spawn");
    return { child, pid: child.pid!, exited };
  } catch (error) {
    throw new TerraformStartError(terraform.path, error);
  }
}

function readOutput(
  child: Child,
  { onLine, maxLineLength: max = maxLineLength }: TerraformCommand,
): LineReader[] {
  return (["stdout", "stderr"] as const).map(
    (stream) => new LineReader(child[stream], (line) => onLine(stream, line), max),
  );
}

async function superviseExit(
  pid: number,
  exited: Promise<Exit>,
  command: TerraformCommand,
): Promise<{ exit: Exit; reason: TerraformExit["reason"] }> {
  using ladder = new StopLadder(pid, command.pauses ?? { graceMs: 30_000, killAfterMs: 5_000 });
  using _cancel = onAbort(command.cancel, () => ladder.cancel());
  using _force = onAbort(command.forceCancel, () => ladder.forceCancel());
  const deadline = setTimeout(() => ladder.timeOut(), command.timeoutMs);
  try {
    const exit = await exited;
    return { exit, reason: ladder.reason ?? "exited" };
  } finally {
    clearTimeout(deadline);
  }
}

function onAbort(signal: AbortSignal | undefined, act: () => void): Disposable {
  if (signal?.aborted) act();
  signal?.addEventListener("abort", act, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener("abort", act) };
}
