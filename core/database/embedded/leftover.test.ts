import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { expect, test } from "vitest";
import { chooseAccount } from "./account.ts";
import { findServers } from "./servers.ts";
import { givenDirectory, givenHolder, givenServer, query, spawnHolder } from "./testing/given.ts";

const clusterOf = (dataDir: string) => join(dataDir, "cluster");
const pidFileOf = (dataDir: string) => join(dataDir, "cluster/data/postmaster.pid");

async function serversOf(dataDir: string): Promise<number[]> {
  const account = await chooseAccount(dataDir, clusterOf(dataDir));
  return findServers(join(dataDir, "cluster/data"), account);
}

async function postmasterOf(dataDir: string): Promise<number> {
  return Number.parseInt(await readFile(pidFileOf(dataDir), "utf8"), 10);
}

/** Inserts one row after the other until the connection breaks; answers how many were acknowledged. */
async function insertUntilBroken(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  await client.query("CREATE TABLE IF NOT EXISTS acknowledged (n int)");
  for (let n = 0; ; n++) {
    const inserted = await client.query("INSERT INTO acknowledged VALUES ($1)", [n]).catch(() => undefined);
    if (!inserted) return n;
  }
}

async function countAcknowledged(url: string): Promise<number> {
  const [row] = await query(url, "SELECT count(*)::int AS n FROM acknowledged");
  return Number(row?.n);
}

test("the server of a killed process is stopped in order and loses nothing", async () => {
  await using directory = await givenDirectory();
  await using holder = await givenHolder(directory.path);
  await query(holder.url, "CREATE TABLE kept AS SELECT 7 AS n");
  const old = await postmasterOf(directory.path);
  await holder.kill();
  expect(await serversOf(directory.path)).toContain(old);

  await using server = await givenServer(directory.path);

  expect(await serversOf(directory.path)).not.toContain(old);
  expect(await query(server.url, "SELECT n FROM kept")).toEqual([{ n: 7 }]);
  expect(await readFile(join(directory.path, "postgresql.log"), "utf8")).not.toContain(
    "not properly shut down",
  );
});

test("every acknowledged row survives the death of all processes, three times over", async () => {
  await using directory = await givenDirectory();
  for (let round = 0, rows = 0; round < 3; round++) {
    await using holder = await givenHolder(directory.path);
    const inserting = insertUntilBroken(holder.url);
    await sleep(200);
    process.kill(holder.pid, "SIGKILL");
    for (const pid of await serversOf(directory.path)) process.kill(pid, "SIGKILL");
    rows += await inserting;

    await using server = await givenServer(directory.path);

    const counted = await countAcknowledged(server.url);
    // The last insert of a round may be stored without having been acknowledged.
    expect(counted - rows).toBeGreaterThanOrEqual(0);
    expect(counted - rows).toBeLessThanOrEqual(1);
    rows = counted;
  }
});

test("processes that outlive a killed postmaster are ended", async () => {
  await using directory = await givenDirectory();
  await using holder = await givenHolder(directory.path);
  const busy = query(holder.url, "SELECT count(*) FROM generate_series(1, 1e12)").catch(() => "broken");
  await expect
    .poll(() => query(holder.url, "SELECT FROM pg_stat_activity WHERE query LIKE '%1e12%'"))
    .toHaveLength(2);
  await holder.kill();
  process.kill(await postmasterOf(directory.path), "SIGKILL");

  await using server = await givenServer(directory.path);

  expect(await query(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  expect(await busy).toBe("broken");
});

test("a stranger that has the pid of a dead postmaster is left alone", async () => {
  await using directory = await givenDirectory();
  await (await givenServer(directory.path))[Symbol.asyncDispose]();
  const { uid, gid } = await stat(clusterOf(directory.path));
  const stranger = spawn("/bin/sleep", ["60"], { uid, gid, cwd: "/" });
  const ended = once(stranger, "exit");
  await writeFile(pidFileOf(directory.path), `${stranger.pid}\n/proc/self/cwd\n1\n5432\n\n\n0 0\nready   \n`);

  const server = await givenServer(directory.path);
  await server[Symbol.asyncDispose]();

  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  stranger.kill();
  await ended;
});

test("a start that is killed while it makes the cluster is repeated by the next", async () => {
  await using directory = await givenDirectory();
  const child = spawnHolder(directory.path);
  const died = once(child, "exit");
  await expect
    .poll(() => readdir(directory.path), { interval: 10 })
    .toContainEqual(expect.stringMatching(/^initdb-/));
  child.kill("SIGKILL");
  await died;

  await using server = await givenServer(directory.path);

  expect(await query(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  expect((await readdir(directory.path)).toSorted()).toEqual([
    "cluster",
    "lock",
    "lock.json",
    "postgresql.log",
  ]);
});
