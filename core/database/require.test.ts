import { expect, inject, test } from "vitest";
import { requireDatabase } from "./require.ts";

test("a server that answers and is new enough is taken", async () => {
  await expect(requireDatabase(inject("databaseServer"))).resolves.toBeUndefined();
});

test("an address where nothing listens is named, without its password", async () => {
  await expect(requireDatabase("postgres://ingot:hunter2@127.0.0.1:1/ingot")).rejects.toThrow(
    /^Cannot use the database "127\.0\.0\.1:1\/ingot": connect ECONNREFUSED 127\.0\.0\.1:1$/,
  );
});

test("a wrong password is the problem that is told", async () => {
  const url = new URL(inject("databaseServer"));
  url.password = "wrong";

  await expect(requireDatabase(url.href)).rejects.toThrow(/password authentication failed for user/);
});
