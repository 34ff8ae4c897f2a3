import { expect, test } from "vitest";
import { createTestDatabase } from "../../test/support/database.ts";
import { openDatabase } from "./database.ts";
import { DatabaseUnavailableError, retryBroken } from "./retry.ts";

test("a statement whose connection is ended runs again on another", async () => {
  await using server = await createTestDatabase();
  await using database = openDatabase({ url: server.url, schema: "public", connections: 2 });
  let attempts = 0;

  const answer = await retryBroken("ask", async () => {
    attempts++;
    const text = attempts === 1 ? "select pg_terminate_backend(pg_backend_pid())" : "select 42 as answer";
    return (await database.pool.query<{ answer: number }>(text)).rows;
  });

  expect({ attempts, answer }).toEqual({ attempts: 2, answer: [{ answer: 42 }] });
});

test("what is wrong with the statement itself is thrown at once", async () => {
  await using server = await createTestDatabase();
  await using database = openDatabase({ url: server.url, schema: "public", connections: 2 });
  let attempts = 0;

  const failing = retryBroken("ask", async () => {
    attempts++;
    await database.pool.query("select 1/0");
  });

  await expect(failing).rejects.toThrow("division by zero");
  expect(attempts).toBe(1);
});

test("a database that stays away is an error that says so", async () => {
  await using database = openDatabase({ url: "postgres://nobody@127.0.0.1:1/none", schema: "public" });

  const failing = retryBroken("store the version", () => database.pool.query("select 1"), { forMs: 200 });

  await expect(failing).rejects.toThrow(DatabaseUnavailableError);
  await expect(failing).rejects.toThrow("Cannot store the version: the database does not answer");
});
