import { captureTerraform } from "../terraform/capture.ts";
import { runTerraform, type TerraformExit } from "../terraform/command.ts";
import { readOutput } from "../terraform/output.ts";
import { Problems } from "../terraform/problems.ts";
import type { Bench } from "./bench.ts";

export class TerraformFailedError extends Error {
  override readonly name = "TerraformFailedError";
  constructor(command: string, { exitCode, signal, reason }: TerraformExit, problems: readonly string[]) {
    const ending = `terraform ${command} ${reason === "timed out" ? "took too long and was stopped" : `exited with ${exitCode ?? signal ?? "no code"}`}`;
    const isPlain = reason === "exited" && signal === null && problems.length > 0;
    super(isPlain ? problems.join("; ") : [ending, ...problems].join(": "));
  }
}

export class CanceledError extends Error {
  override readonly name = "CanceledError";
  readonly forced: boolean;
  constructor(command: string, { forced }: { forced: boolean }) {
    super(forced ? `terraform ${command} was killed` : `terraform ${command} was interrupted`);
    this.forced = forced;
  }
}

/** Runs one command with its output in the run's log. Throws CanceledError and TerraformFailedError. */
export async function runCommand(
  bench: Bench,
  { args, accept = [0] }: { args: readonly string[]; accept?: readonly number[] },
): Promise<number> {
  const { terraform, workspace, signals, log, masker, timeoutMs, onStart } = bench;
  const problems = new Problems();
  const exit = await runTerraform({
    terraform,
    args,
    cwd: workspace.directory,
    env: workspace.env,
    timeoutMs,
    cancel: signals.cancel,
    forceCancel: signals.forceCancel,
    onStart,
    async onLine(stream, line) {
      const output = readOutput(line);
      problems.read(stream, line, output);
      for (const text of output.lines) await log.line(masker.mask(text));
    },
  });
  if (exit.exitCode !== null && accept.includes(exit.exitCode)) return exit.exitCode;
  throw failureOf(args[0] ?? "", exit, problems.list().map(masker.mask));
}

function failureOf(command: string, exit: TerraformExit, problems: readonly string[]): Error {
  if (exit.reason === "canceled") return new CanceledError(command, { forced: false });
  if (exit.reason === "force-canceled") return new CanceledError(command, { forced: true });
  return new TerraformFailedError(command, exit, problems);
}

/** The plan as Terraform shows it in JSON: with secrets, so not for showing. */
export async function showPlan(bench: Bench, planFile: string): Promise<unknown> {
  const { terraform, workspace, timeoutMs, signals, masker } = bench;
  const exit = await captureTerraform({
    terraform,
    args: ["show", "-json", planFile],
    cwd: workspace.directory,
    env: workspace.env,
    timeoutMs,
    cancel: signals.cancel,
    forceCancel: signals.forceCancel,
  });
  if (exit.exitCode !== 0) {
    throw failureOf("show", exit, [masker.mask(exit.stderr.trim())].filter(Boolean));
  }
  return JSON.parse(exit.stdout) as unknown;
}
