import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EmbeddedPostgresError, ClusterVersionError } from "./errors.ts";
import { startEmbeddedPostgres } from "./start.ts";
import { givenDirectory, givenHolder, givenServer, query, silent } from "./testing/given.ts";

test("a first start makes a database that the url alone opens", async () => {
  await using directory = await givenDirectory();
  await using server = await givenServer(directory.path);

  const [facts] = await query(
    server.url,
    `SELECT current_database() AS database, usesuper AS superuser, pg_encoding_to_char(encoding) AS encoding,
            datlocprovider AS provider, datlocale AS locale, current_setting('fsync') AS fsync,
            current_setting('synchronous_commit') AS synchronous_commit,
            current_setting('listen_addresses') AS addresses, current_setting('jit') AS jit
       FROM pg_user, pg_database WHERE usename = current_user AND datname = current_database()`,
  );

  expect(facts).toEqual({
    database: "ingot",
    superuser: false,
    encoding: "UTF8",
    provider: "b",
    locale: "C.UTF-8",
    fsync: "on",
    synchronous_commit: "on",
    addresses: "127.0.0.1",
    jit: "off",
  });
});

test("a connection without the password is refused", async () => {
  await using directory = await givenDirectory();
  await using server = await givenServer(directory.path);
  const guess = new URL(server.url);
  guess.password = "guess";

  await expect(query(guess.href, "SELECT 1")).rejects.toThrow("password authentication failed");

  const password = join(directory.path, "cluster/password");
  expect((await stat(password)).mode & 0o777).toBe(0o600);
  expect(new URL(server.url).password).toBe(await readFile(password, "utf8"));
});

test("a later start finds the rows of the earlier one", async () => {
  await using directory = await givenDirectory();
  {
    await using first = await givenServer(directory.path);
    await query(first.url, "CREATE TABLE kept AS SELECT 7 AS n");
  }

  await using second = await givenServer(directory.path);

  expect(await query(second.url, "SELECT n FROM kept")).toEqual([{ n: 7 }]);
});

test("a data directory may lie deep under directories that only their owner enters", async () => {
  await using directory = await givenDirectory();
  const dataDir = join(directory.path, "x".repeat(100), "y".repeat(100), "data with a space");
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await using server = await givenServer(dataDir);

  expect(await query(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("disposing twice stops the server once", async () => {
  await using directory = await givenDirectory();
  const server = await givenServer(directory.path);

  await Promise.all([server[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);

  await expect(query(server.url, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
  await expect(Promise.race([server.ended, Promise.resolve("pending")])).resolves.toBe("pending");
  await expect(stat(join(directory.path, "cluster/data/postmaster.pid"))).rejects.toThrow("ENOENT");
});

test("a server that is killed rejects its end", async () => {
  await using directory = await givenDirectory();
  await using server = await givenServer(directory.path);

  const pid = Number.parseInt(
    await readFile(join(directory.path, "cluster/data/postmaster.pid"), "utf8"),
    10,
  );
  process.kill(pid, "SIGKILL");

  await expect(server.ended).rejects.toThrow(
    `The embedded PostgreSQL in "${directory.path}" ended: signal SIGKILL`,
  );
});

test("a second process on the directory is refused by the pid of the first", async () => {
  await using directory = await givenDirectory();
  await using first = await givenHolder(directory.path);

  const second = givenServer(directory.path);

  await expect(second).rejects.toThrow(
    `Cannot use "${directory.path}" for the embedded PostgreSQL: process ${first.pid}`,
  );
  expect(await query(first.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("an aborted start leaves the directory free", async () => {
  await using directory = await givenDirectory();
  const aborted = startEmbeddedPostgres({
    dataDir: directory.path,
    log: silent,
    signal: AbortSignal.timeout(300),
  });

  await expect(aborted).rejects.toThrow("aborted due to timeout");

  await using server = await givenServer(directory.path);
  expect(await query(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("a cluster of another major version is refused", async () => {
  await using directory = await givenDirectory();
  await (await givenServer(directory.path))[Symbol.asyncDispose]();
  await writeFile(join(directory.path, "cluster/data/PG_VERSION"), "15\n");

  const start = givenServer(directory.path);

  await expect(start).rejects.toThrow(ClusterVersionError);
});

test("a setting that the server refuses is told in its own words", async () => {
  await using directory = await givenDirectory();
  await (await givenServer(directory.path))[Symbol.asyncDispose]();
  await writeFile(join(directory.path, "cluster/data/postgresql.conf"), "work_mem = plenty\n");

  const start = givenServer(directory.path);

  await expect(start).rejects.toThrow(EmbeddedPostgresError);
  await expect(start).rejects.toThrow('invalid value for parameter "work_mem"');
});

test("another database name makes another database in the same cluster", async () => {
  await using directory = await givenDirectory();
  await (await givenServer(directory.path))[Symbol.asyncDispose]();

  const options = { dataDir: directory.path, log: silent, database: 'o"dd name' };
  await using server = await startEmbeddedPostgres(options);

  expect(await query(server.url, "SELECT current_database() AS name")).toEqual([{ name: 'o"dd name' }]);
});
