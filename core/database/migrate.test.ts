import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { createTestDatabase } from "../../test/support/database.ts";
import { openDatabase } from "./database.ts";
import { migrate, MigrationFailedError } from "./migrate.ts";

async function givenSchema() {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await createTestDatabase());
  const directory = await mkdtemp(path.join(tmpdir(), "ingot-migrations-"));
  resources.defer(() => rm(directory, { recursive: true, force: true }));
  const open = () => {
    const database = openDatabase({ url: server.url, schema: "bakery", connections: 2 });
    running.use(database);
    return database.pool;
  };
  const running = resources.move();
  const pool = open();
  return {
    pool,
    open,
    directory,
    write: (name: string, text: string) => writeFile(path.join(directory, name), text),
    migrate: (on = pool) => migrate(on, { schema: "bakery", directories: [directory] }),
    applied: async () =>
      (await pool.query<{ name: string }>("select name from migration order by name")).rows.map(
        ({ name }) => name,
      ),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

test("migrations are applied once, in the order of their numbers", async () => {
  await using schema = await givenSchema();
  await schema.write("0002-fill.sql", "insert into loaf (name) values ('rye')");
  await schema.write("0001-loaf.sql", "create table loaf (name text)");
  await schema.write("notes.md", "no migration");

  await schema.migrate();
  await schema.migrate();

  expect(await schema.applied()).toEqual(["0001-loaf", "0002-fill"]);
  expect((await schema.pool.query("select name from loaf")).rows).toEqual([{ name: "rye" }]);
});

test("many starts at once apply each migration once", async () => {
  await using schema = await givenSchema();
  await schema.write("0001-loaf.sql", "create table loaf (name text); select pg_sleep(0.05)");
  await schema.write("0002-fill.sql", "insert into loaf (name) values ('rye')");

  await Promise.all(Array.from({ length: 8 }, () => schema.migrate(schema.open())));

  expect((await schema.pool.query("select name from loaf")).rows).toEqual([{ name: "rye" }]);
});

test("a migration that fails is rolled back and named, and those before it stay", async () => {
  await using schema = await givenSchema();
  await schema.write("0001-loaf.sql", "create table loaf (name text)");
  await schema.write("0002-broken.sql", "create table crumb (name text); select 1/0");

  const failed = schema.migrate();

  await expect(failed).rejects.toThrow(MigrationFailedError);
  await expect(failed).rejects.toThrow(
    'Cannot migrate the schema "bakery": "0002-broken" failed and was rolled back',
  );
  await expect(failed).rejects.toMatchObject({ cause: { message: "division by zero" } });
  expect(await schema.applied()).toEqual(["0001-loaf"]);
  expect((await schema.pool.query("select to_regclass('crumb') as found")).rows).toEqual([{ found: null }]);
});

test("a failed start leaves no lock, and the next one goes on where it failed", async () => {
  await using schema = await givenSchema();
  await schema.write("0001-loaf.sql", "select 1/0");
  await expect(schema.migrate()).rejects.toThrow(MigrationFailedError);
  await schema.write("0001-loaf.sql", "create table loaf (name text)");

  await schema.migrate(schema.open());

  expect(await schema.applied()).toEqual(["0001-loaf"]);
});

test("a migration of a newer release is left alone", async () => {
  await using schema = await givenSchema();
  await schema.write("0001-loaf.sql", "create table loaf (name text)");
  await schema.migrate();
  await schema.pool.query("insert into migration (name) values ('0002-of-the-next-release')");
  await schema.write("0003-crumb.sql", "create table crumb (name text)");

  await schema.migrate();

  expect(await schema.applied()).toEqual(["0001-loaf", "0002-of-the-next-release", "0003-crumb"]);
});
