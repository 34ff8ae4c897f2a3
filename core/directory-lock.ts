import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { LockedError, messageOf } from "./errors.ts";

/** Another process, or another part of this one, uses the directory. */
export class DirectoryInUseError extends LockedError {
  override readonly name = "DirectoryInUseError";
  constructor(directory: string, purpose: string, holder: Holder | undefined) {
    const who = holder
      ? `process ${holder.pid} on ${holder.host} uses it for ${holder.purpose} since ${holder.since}`
      : "another process uses it";
    super(`Cannot use "${directory}" for ${purpose}: ${who}`);
  }
}

/** The file system refuses the lock, or the lock file belongs to another user. */
export class DirectoryLockError extends Error {
  override readonly name = "DirectoryLockError";
  constructor(directory: string, purpose: string, cause: unknown) {
    super(`Cannot lock "${directory}" for ${purpose}: ${messageOf(cause)}`, { cause });
  }
}

interface Holder {
  pid: number;
  host: string;
  purpose: string;
  since: string;
}

const patienceMs = 1_000;
const sqliteBusy = 5;

/** Keeps held locks reachable: a database that is garbage collected closes, and its lock is gone. */
const held = new Set<DatabaseSync>();

/**
 * Keeps every other user out of `directory`, created when missing, until disposed or until the process ends
 * in whatever way. Waits a second for a holder that is just dying, then throws `DirectoryInUseError`.
 *
 * The lock is the kernel's record lock that SQLite (part of Node) takes on DIRECTORY/lock, so it knows no stale
 * state, no reused pid, and holds between containers that share the directory. The holder is described beside
 * it in lock.json. Opening and closing `lock` by other means inside the same process gives the lock up
 * (https://sqlite.org/howtocorrupt.html, 2.2).
 */
export async function lockDirectory(directory: string, purpose: string): Promise<Disposable> {
  const path = resolve(directory);
  await mkdir(path, { recursive: true });
  for (const deadline = Date.now() + patienceMs; ; await sleep(50)) {
    const lock = takeLock(path, purpose);
    if (lock) return lock;
    if (Date.now() >= deadline) throw new DirectoryInUseError(path, purpose, readHolder(path));
  }
}

function takeLock(directory: string, purpose: string): Disposable | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(directory, "lock"), { timeout: 0 });
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    chmodSync(join(directory, "lock"), 0o600);
    describeHolder(directory, purpose);
  } catch (error) {
    database?.close();
    if (isBusy(error)) return undefined;
    throw new DirectoryLockError(directory, purpose, error);
  }
  return releasing(database);
}

function releasing(database: DatabaseSync): Disposable {
  held.add(database);
  return {
    [Symbol.dispose]() {
      if (held.delete(database)) database.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === sqliteBusy;
}

function describeHolder(directory: string, purpose: string): void {
  const holder: Holder = { pid: process.pid, host: hostname(), purpose, since: new Date().toISOString() };
  writeFileSync(join(directory, "lock.json"), JSON.stringify(holder), { mode: 0o600 });
}

function readHolder(directory: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, "lock.json"), "utf8")) as Holder;
  } catch {
    return undefined;
  }
}
