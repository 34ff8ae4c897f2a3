import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
  /** Both streams, first the one, then the other. */
  output: string;
}

export interface RunOptions {
  cwd?: string;
  /** On top of the few variables that every program gets. */
  env?: NodeJS.ProcessEnv;
  /** Default: ten minutes. */
  timeoutMs?: number;
}

const passedOn = ["PATH", "HOME", "TMPDIR", "LANG", "GOPROXY", "GOMODCACHE", "GOSUMDB", "GONOSUMDB"];

/** Runs a program to its end, with an environment of its own so that no setting of this machine changes a test. */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...environment(), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: options.timeoutMs ?? 600_000,
  });
  const exited = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    exited,
  ]);
  if (code === null)
    throw new Error(`Cannot wait for "${command}": it was ended by ${signal}\n${stdout}${stderr}`);
  return { exitCode: code, stdout, stderr, output: stdout + stderr };
}

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(passedOn.map((name) => [name, process.env[name]]));
}
