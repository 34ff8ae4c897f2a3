import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { expect, test } from "vitest";
import { DirectoryInUseError, lockDirectory } from "./directory-lock.ts";

const script = `
  const { lockDirectory } = await import(${JSON.stringify(join(import.meta.dirname, "directory-lock.ts"))});
  // Drops its handle and collects garbage: a lock lasts until it is disposed.
  const won = await lockDirectory(process.argv[1], "a test").then(() => true, () => false);
  globalThis.gc();
  process.stdout.write((won ? "won" : "lost") + "\\n");
  process.stdin.resume();
`;

async function givenDirectory() {
  const path = await mkdtemp(join(tmpdir(), "ingot-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Another process that tries to take the lock and then waits to be killed. */
async function givenContender(path: string) {
  const child = spawn(process.execPath, ["--expose-gc", "--input-type=module", "-e", script, path]);
  const [outcome] = (await once(createInterface(child.stdout), "line")) as [string];
  return { pid: child.pid, outcome, kill: () => kill(child), [Symbol.asyncDispose]: () => kill(child) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

test("a directory that another process holds is refused with its pid", async () => {
  await using directory = await givenDirectory();
  await using holder = await givenContender(directory.path);

  const lock = lockDirectory(directory.path, "the data of Ingot");

  await expect(lock).rejects.toThrow(DirectoryInUseError);
  await expect(lock).rejects.toThrow(
    `Cannot use "${directory.path}" for the data of Ingot: process ${holder.pid} on `,
  );
});

test("the death of the holder frees the directory", async () => {
  await using directory = await givenDirectory();
  const holder = await givenContender(directory.path);
  await holder.kill();

  using lock = await lockDirectory(directory.path, "a test");

  expect([holder.outcome, typeof lock]).toEqual(["won", "object"]);
});

test("one process holds a directory only once, and again after giving it up", async () => {
  await using directory = await givenDirectory();
  {
    using _held = await lockDirectory(directory.path, "a test");
    await expect(lockDirectory(directory.path, "a test")).rejects.toThrow(`process ${process.pid} on `);
    const contender = await givenContender(directory.path);
    await contender.kill();
    expect(contender.outcome).toBe("lost");
  }

  using lock = await lockDirectory(directory.path, "a test");

  expect(lock).toBeDefined();
});

test("one of many processes that start at once gets the directory", async () => {
  await using directory = await givenDirectory();

  const contenders = await Promise.all(Array.from({ length: 8 }, () => givenContender(directory.path)));
  await Promise.all(contenders.map((contender) => contender.kill()));

  expect(contenders.filter(({ outcome }) => outcome === "won")).toHaveLength(1);
});
