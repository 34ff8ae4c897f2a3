import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Account } from "./account.ts";
import { childOptions, ownDirectory } from "./child.ts";
import { ServerEndedError, ServerStartError } from "./errors.ts";
import type { LogFile } from "./log-file.ts";
import { serverSettings } from "./settings.ts";

export interface ServerOptions {
  dataDir: string;
  directory: string;
  postgres: string;
  account: Account | undefined;
  port: number;
  logFile: LogFile;
  signal?: AbortSignal | undefined;
}

export interface Server extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  readonly ended: Promise<never>;
}

const fastShutdownMs = 30_000;

/** Starts a postmaster and answers when it takes connections, however long recovery takes. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const child = await spawnServer(options);
  try {
    await becomeReady(child, options);
  } catch (error) {
    await stop(child);
    throw error;
  }
  return superviseServer(child, options);
}

async function spawnServer(options: ServerOptions): Promise<ChildProcess> {
  const { directory, account, postgres, port, logFile } = options;
  const settings = Object.entries(serverSettings(port)).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
  const child = spawn(postgres, ["-D", ownDirectory(directory, account), ...settings], {
    ...childOptions(directory, account),
    stdio: ["ignore", logFile.fd, logFile.fd],
  });
  await once(child, "spawn");
  return child;
}

async function becomeReady(
  child: ChildProcess,
  { directory, dataDir, logFile, signal }: ServerOptions,
): Promise<void> {
  while (!(await isReady(directory, child.pid))) {
    if (hasEnded(child)) throw new ServerStartError(dataDir, await logFile.readNew());
    await sleep(10, undefined, { signal });
  }
}

/**
 * The postmaster writes its pid into the first line of postmaster.pid and its state into the eighth
 * (src/include/utils/pidfile.h).
 */
async function isReady(directory: string, pid: number | undefined): Promise<boolean> {
  const text = await readFile(join(directory, "postmaster.pid"), "utf8").catch(() => "");
  const lines = text.split("\n").map((line) => line.trim());
  return lines[0] === String(pid) && lines[7] === "ready";
}

function superviseServer(child: ChildProcess, { dataDir, port }: ServerOptions): Server {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  // Whoever does not watch it is not to be ended by it.
  ended.catch(() => undefined);
  const onExit = (code: number | null, signal: string | null) =>
    reject(new ServerEndedError(dataDir, signal ? `signal ${signal}` : `exit code ${code}`));
  if (hasEnded(child)) onExit(child.exitCode, child.signalCode);
  child.once("exit", onExit);
  return {
    pid: child.pid ?? 0,
    port,
    ended,
    async [Symbol.asyncDispose]() {
      child.off("exit", onExit);
      await stop(child);
    },
  };
}

/** Fast shutdown; SIGKILL when that takes too long, which costs the next start a recovery and nothing else. */
async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, "exit");
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), fastShutdownMs);
  await exit;
  clearTimeout(timer);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
