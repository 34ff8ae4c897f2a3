import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
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

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A server of the test's own, for what a real one does seldom. */
export async function serve(answer: Answer) {
  const answered = (request: IncomingMessage, response: ServerResponse) => void answer(request, response);
  const server = createServer(answered).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
