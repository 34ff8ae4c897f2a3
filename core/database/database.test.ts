import { expect, test } from "vitest";
import { createTestDatabase } from "../../test/support/database.ts";
import { openDatabase } from "./database.ts";

test("a connection that ends in the pool or inside a transaction fails what uses it and nothing else", async () => {
  await using server = await createTestDatabase();
  await using killer = openDatabase({ url: server.url, schema: "public", connections: 1 });
  await using database = openDatabase({ url: server.url, schema: "public", connections: 2 });
  const pid = "select pg_backend_pid() as pid";
  const kill = (victim: number | undefined) => killer.pool.query("select pg_terminate_backend($1)", [victim]);

  const idle = await database.pool.query<{ pid: number }>(pid);
  const noticed = new Promise((resolve) => database.pool.once("error", resolve));
  await kill(idle.rows[0]?.pid);
  await noticed;
  const client = await database.pool.connect();
  const ended = new Promise<void>((resolve) => client.once("end", () => resolve()));
  const busy = await client.query<{ pid: number }>(pid);
  await client.query("begin");
  await kill(busy.rows[0]?.pid);
  await ended;

  await expect(client.query("commit")).rejects.toThrow(/not queryable|terminated/);
  client.release();
  expect((await database.pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
});

test("counts and sums are numbers, times are UTC", async () => {
  await using server = await createTestDatabase();
  await using database = openDatabase({ url: server.url, schema: "public" });

  const { rows } = await database.pool.query(
    "select count(*), 9007199254740991::int8 as big, now()::text like '%+00' as utc",
  );

  expect(rows).toEqual([{ count: 1, big: Number.MAX_SAFE_INTEGER, utc: true }]);
});
