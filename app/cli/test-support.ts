import process from "node:process";
import { Readable } from "node:stream";
import { main } from "../main.ts";
import type { Terminal } from "./terminal.ts";

export interface Ran {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Where the server is, and a token for it. */
  system?: { url: string; token?: string };
  env?: Record<string, string>;
  stdin?: string;
  /** Whether both outputs are a terminal of 100 columns. */
  isTTY?: boolean;
}

/** Runs the command line in this process: a text is split at its spaces. */
export async function ingot(command: string | readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { system, env = {}, stdin = "", isTTY = false } = options;
  const written = { stdout: "", stderr: "" };
  const output = (name: "stdout" | "stderr") => ({
    isTTY,
    columns: 100,
    write: (text: string) => void (written[name] += text),
  });
  const terminal: Terminal = {
    stdin: Readable.from([stdin]),
    stdout: output("stdout"),
    stderr: output("stderr"),
    env: {
      INGOT_DATA_DIR: "/nonexistent",
      ...(system && { INGOT_URL: system.url }),
      ...(system?.token && { INGOT_TOKEN: system.token }),
      ...env,
    },
    signal: new AbortController().signal,
  };
  const args = typeof command === "string" ? command.split(" ") : command;
  const exitCode = await main(args, terminal);
  return { exitCode, ...written };
}

/** For commands whose exit code is 0: what they print, as JSON. */
export async function ingotJson<T>(command: string | readonly string[], options: RunOptions): Promise<T> {
  const args = typeof command === "string" ? command.split(" ") : command;
  const { exitCode, stdout, stderr } = await ingot([...args, "--json"], options);
  if (exitCode !== 0) throw new Error(`ingot ${args.join(" ")} exited with ${exitCode}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

export const program = new URL("../ingot.js", import.meta.url).pathname;
export const node = process.execPath;
