import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import pg from "pg";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "../start.ts";

export const isRoot = process.getuid?.() === 0;

/** An ordinary user with a passwd entry, on every Linux. */
export const nobody = { uid: 65534, gid: 65534 };

export const silent = { info: () => undefined, warn: () => undefined };

export interface Directory extends AsyncDisposable {
  readonly path: string;
}

/** A new directory that only its owner may enter. */
export async function givenDirectory(owner?: { uid: number; gid: number }): Promise<Directory> {
  const path = await mkdtemp(join(tmpdir(), "ingot-test-"));
  if (owner) await chown(path, owner.uid, owner.gid);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export function givenServer(dataDir: string): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir, log: silent });
}

export interface Holder extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  readonly error: string;
  kill(): Promise<void>;
}

/** Another Node process with a server in `dataDir`, in an empty environment. */
export async function givenHolder(
  dataDir: string,
  user: { uid?: number; gid?: number } = {},
): Promise<Holder> {
  const child = spawnHolder(dataDir, user);
  const [line] = (await once(createInterface(child.stdout!), "line")) as [string];
  const { url = "", error = "" } = JSON.parse(line) as { url?: string; error?: string };
  return {
    pid: child.pid!,
    url,
    error,
    kill: () => end(child, "SIGKILL"),
    [Symbol.asyncDispose]: () => end(child),
  };
}

export function spawnHolder(dataDir: string, user: { uid?: number; gid?: number } = {}): ChildProcess {
  const script = join(import.meta.dirname, "hold.ts");
  return spawn(process.execPath, [script, dataDir], {
    ...user,
    env: {},
    cwd: "/",
    stdio: ["pipe", "pipe", "inherit"],
  });
}

async function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  if (signal) child.kill(signal);
  else child.stdin?.end();
  await exit;
}

/** The rows of one statement on a connection of its own. */
export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text);
    return rows;
  } finally {
    await client.end();
  }
}
