import { appendFile, chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { findTerraform } from "#runner/terraform/find.ts";
import { until } from "../support/probe.ts";

export interface GateOptions {
  /** Commands that wait before the real Terraform takes over. */
  hold?: readonly string[];
  /** Whether a command that waits ignores interrupts. */
  stubborn?: boolean;
}

/** A program for INGOT_TERRAFORM that is the real Terraform, with a gate before it. */
export interface Gate extends AsyncDisposable {
  readonly program: string;
  /** Where configurations of the test leave their traces. */
  readonly directory: string;
  /** Pids of the processes that were started with the command. */
  starts(command: string): Promise<number[]>;
  /** Waits until the command was started so many times; answers the last pid. */
  untilStarted(command: string, times?: number): Promise<number>;
  /** The environment of the last process that was started with the command. */
  environment(command: string): Promise<Record<string, string>>;
  hold(command: string): Promise<void>;
  release(command: string): Promise<void>;
  /** The lines of a trace. */
  lines(trace: string): Promise<string[]>;
}

export async function openGate({ hold = [], stubborn = false }: GateOptions = {}): Promise<Gate> {
  const directory = await mkdtemp(path.join(tmpdir(), "ingot-gate-"));
  const program = path.join(directory, "terraform");
  const terraform = await findTerraform();
  await writeFile(
    program,
    `#!/bin/sh
${stubborn ? "trap '' INT" : ""}
env > ${directory}/$1.env
echo $$ >> ${directory}/$1.starts
while [ -e ${directory}/$1.hold ]; do sleep 0.1; done
exec ${terraform.path} "$@"
`,
  );
  await chmod(program, 0o755);
  const fileOf = (name: string) => path.join(directory, name);
  const lines = async (name: string) =>
    (await readFile(fileOf(name), "utf8").catch(() => "")).split("\n").filter((line) => line !== "");
  const starts = async (command: string) => (await lines(`${command}.starts`)).map(Number);
  const holdAt = (command: string) => appendFile(fileOf(`${command}.hold`), "");
  for (const command of hold) await holdAt(command);
  return {
    program,
    directory,
    lines,
    starts,
    hold: holdAt,
    release: (command) => rm(fileOf(`${command}.hold`), { force: true }),
    async untilStarted(command, times = 1) {
      const what = `terraform ${command} was started ${times} times`;
      return until(what, async () => (await starts(command))[times - 1] ?? 0);
    },
    async environment(command) {
      const settings = (await lines(`${command}.env`)).map((line) => line.split("="));
      return Object.fromEntries(settings.map(([name = "", ...value]) => [name, value.join("=")]));
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }),
  };
}
