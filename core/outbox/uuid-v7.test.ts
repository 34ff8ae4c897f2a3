import { expect, test } from "vitest";
import { createTestDatabase } from "../../test/support/database.ts";
import { openDatabase } from "../database/database.ts";
import { migrate } from "../database/migrate.ts";
import { messageMigrations } from "./outbox.ts";

async function givenSchema() {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await createTestDatabase());
  const { pool } = resources.use(openDatabase({ url: server.url, schema: "bakery", connections: 4 }));
  await migrate(pool, { schema: "bakery", directories: [messageMigrations] });
  const running = resources.move();
  return { pool, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

const layout = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Milliseconds since 1970, with the fraction of RFC 9562 §6.2, method 3. */
function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) + Number.parseInt(id.slice(15, 18), 16) / 4096;
}

test("100 000 ids are of version 7, unique and of their time", async () => {
  await using schema = await givenSchema();
  const before = Date.now();

  const { rows } = await schema.pool.query<{ ids: string[]; unique: number }>(
    "select array_agg(id order by n)::text[] as ids, count(distinct id) as unique from (select n, uuid_v7() as id from generate_series(1, 100000) n) made",
  );

  const [{ ids, unique } = { ids: [], unique: 0 }] = rows;
  const times = ids.map(timeOf);
  expect(unique).toBe(100_000);
  expect(ids.filter((id) => !layout.test(id))).toEqual([]);
  expect(times.filter((time, index) => time < (times[index - 1] ?? 0))).toEqual([]);
  expect(Math.min(...times.slice(0, 1))).toBeGreaterThanOrEqual(before - 1);
  expect(times.at(-1)).toBeLessThanOrEqual(Date.now() + 1);
});

test("calls one after the other sort in their order while others call too", async () => {
  await using schema = await givenSchema();
  const callInTurn = async () => {
    const ids: string[] = [];
    for (let count = 0; count < 200; count++) {
      const { rows } = await schema.pool.query<{ id: string }>("select uuid_v7() as id");
      ids.push(rows[0]?.id ?? "");
    }
    return ids;
  };

  const series = await Promise.all(Array.from({ length: 4 }, callInTurn));

  for (const ids of series) expect(ids).toEqual(ids.toSorted());
  expect(new Set(series.flat()).size).toBe(800);
});
