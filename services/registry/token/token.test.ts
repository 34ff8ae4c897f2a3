import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase } from "../../../test/support/database.ts";
import { openDatabase } from "#core/database/database.ts";
import { migrate } from "#core/database/migrate.ts";
import { registrySchema, type RegistryTables } from "../database.ts";
import { startTestRegistry, type TestRegistry } from "../testing/given.ts";
import { createFirstToken } from "./authenticator.ts";
import { generateToken, parseScope } from "./token.ts";

let now = new Date("2026-11-21T12:00:00Z");
let registry: TestRegistry;
beforeAll(async () => {
  registry = await startTestRegistry({ clock: { now: () => now } });
  for (const name of ["acmeinc", "other"])
    await registry.call("POST", "/api/v2/namespaces", { body: { name } });
});
afterAll(() => registry[Symbol.asyncDispose]());

const create = (body: object, token = registry.token) =>
  registry.call("POST", "/api/v2/tokens", { body, token });
const authenticates = async (token: string) =>
  (await registry.call("GET", "/api/v1/authenticate", { token })).status === 200;

interface Created {
  id: string;
  token: string;
}

test("a token is shown once, and only its SHA-256 is kept", async () => {
  const created = await create({ name: "ci", scopes: ["acmeinc:publish", "other:read"] });

  expect(created).toMatchObject({
    status: 201,
    body: {
      name: "ci",
      scopes: ["acmeinc:publish", "other:read"],
      createdBy: "admin",
      expiresAt: null,
      revokedAt: null,
      token: expect.stringMatching(/^ingot_[A-Za-z0-9_-]{43}$/) as string,
    },
  });
  const { token, id } = created.body as Created;
  const { rows } = await registry.database.pool.query<{ row: string; length: number }>(
    "select to_jsonb(token)::text as row, length(hash) as length from token where id = $1",
    [id],
  );
  expect(rows).toMatchObject([{ length: 32 }]);
  expect(rows[0]?.row).not.toContain(token.slice("ingot_".length));
  const list = JSON.stringify((await registry.call("GET", "/api/v2/tokens")).body);
  expect(list).toContain(id);
  expect(list).not.toContain(token);
});

test("generated tokens are never the same", () => {
  expect(new Set(Array.from({ length: 100 }, generateToken)).size).toBe(100);
});

test("a revoked token dies at once, and stays revoked since then", async () => {
  const { id, token } = (await create({ name: "short", scopes: ["acmeinc:read"] })).body as Created;
  expect(await authenticates(token)).toBe(true);

  expect((await registry.call("DELETE", `/api/v2/tokens/${id}`)).status).toBe(204);

  expect(await authenticates(token)).toBe(false);
  const revokedAt = async () =>
    (
      (await registry.call("GET", "/api/v2/tokens")).body as { items: { id: string; revokedAt: string }[] }
    ).items.find((each) => each.id === id)?.revokedAt;
  const first = await revokedAt();
  expect((await registry.call("DELETE", `/api/v2/tokens/${id}`)).status).toBe(204);
  expect(first).toMatch(/Z$/);
  expect(await revokedAt()).toBe(first);
});

test("the last token that may administer everything cannot be revoked", async () => {
  await using own = await startTestRegistry();
  const scopes = ["*:admin"];
  const [admin] = ((await own.call("GET", "/api/v2/tokens")).body as { items: Created[] }).items;
  const revoke = (id?: string, token = own.token) => own.call("DELETE", `/api/v2/tokens/${id}`, { token });
  await own.call("POST", "/api/v2/tokens", {
    body: { name: "guest", scopes, expiresAt: "2999-01-01T00:00:00Z" },
  });

  expect(await revoke(admin?.id)).toMatchObject({
    status: 409,
    body: { detail: expect.stringMatching(/the last/) },
  });

  const next = (await own.call("POST", "/api/v2/tokens", { body: { name: "next", scopes } })).body as Created;
  expect(await revoke(admin?.id, next.token)).toMatchObject({ status: 204 });
  expect(await revoke(next.id, next.token)).toMatchObject({ status: 409 });
});

test("a token dies when it expires", async () => {
  now = new Date("2026-11-21T12:00:00Z");
  const expiresAt = "2026-11-21T14:00:00.000+01:00";
  const { token } = (await create({ name: "hour", scopes: ["acmeinc:read"], expiresAt })).body as Created;

  now = new Date("2026-11-21T12:59:59.999Z");
  expect(await authenticates(token)).toBe(true);
  now = new Date("2026-11-21T13:00:00Z");
  expect(await authenticates(token)).toBe(false);
});

describe("a token is refused", () => {
  test.each([
    [{ name: "x", scopes: [] }, 400, /body.scopes must NOT have fewer than 1 items/],
    [{ name: "x", scopes: ["acmeinc"] }, 400, /body.scopes.0 must match pattern/],
    [{ name: "x", scopes: ["acmeinc:write"] }, 400, /body.scopes.0 must match pattern/],
    [{ name: "x", scopes: ["acme inc:read"] }, 400, /body.scopes.0 must match pattern/],
    [{ name: "", scopes: ["acmeinc:read"] }, 400, /body.name must NOT have fewer than 1 characters/],
    [{ scopes: ["acmeinc:read"] }, 400, /body must have required property 'name'/],
    [{ name: "x", scopes: ["acmeinc:read"], role: "admin" }, 400, /additional properties \("role"\)/],
    [{ name: "x", scopes: ["acmeinc:read"], expiresAt: "tomorrow" }, 400, /body.expiresAt must match format/],
    [
      { name: "x", scopes: ["acmeinc:read"], expiresAt: "2020-01-01T00:00:00Z" },
      422,
      /^Cannot create a token that expires at "2020-01-01T00:00:00Z": that is no time to come$/,
    ],
    [{ name: "x", scopes: ["nobody:read"] }, 404, /^Cannot create a token for "nobody": no such namespace$/],
  ])("with %j: %i", async (body, status, detail) => {
    expect(await create(body)).toMatchObject({
      status,
      body: { detail: expect.stringMatching(detail) as string },
    });
  });

  test.each(["acmeinc", ":read", "acmeinc:", "*:owner", "acmeinc:read "])("with the scope %j", (scope) => {
    expect(() => parseScope(scope)).toThrow(
      `Cannot use the scope "${scope}": expected NAMESPACE:ROLE with a role of read, publish, operate, admin`,
    );
  });
});

test("who is admin of every namespace of a token creates, sees and revokes it, and nobody else", async () => {
  const [all, acmeinc, publisher] = await Promise.all([
    registry.createToken("*:admin"),
    registry.createToken("acmeinc:admin", "other:read"),
    registry.createToken("acmeinc:publish"),
  ]);
  const one = (await create({ name: "one", scopes: ["acmeinc:read"] })).body as Created;
  const both = (await create({ name: "both", scopes: ["acmeinc:read", "other:read"] })).body as Created;
  const every = (await create({ name: "every", scopes: ["*:read"] })).body as Created;
  const targets = [one, both, every];

  const seen = async (token: string) => {
    const { items } = (await registry.call("GET", "/api/v2/tokens", { token })).body as { items: Created[] };
    return targets.map(({ id }) => items.some((each) => each.id === id));
  };
  const revoke = async (token: string) => {
    const replies = await Promise.all(
      targets.map(({ id }) => registry.call("DELETE", `/api/v2/tokens/${id}`, { token })),
    );
    return replies.map(({ status }) => status);
  };

  expect(await seen(publisher)).toEqual([false, false, false]);
  expect(await revoke(publisher)).toEqual([404, 404, 404]);
  expect(await seen(acmeinc)).toEqual([true, false, false]);
  expect(await revoke(acmeinc)).toEqual([204, 404, 404]);
  expect(await seen(all)).toEqual([true, true, true]);
  expect((await create({ name: "x", scopes: ["acmeinc:read"] }, publisher)).status).toBe(403);
  expect((await create({ name: "x", scopes: ["acmeinc:read", "other:read"] }, acmeinc)).status).toBe(403);
  expect((await create({ name: "x", scopes: ["*:read"] }, acmeinc)).body).toMatchObject({
    status: 403,
    detail:
      'Cannot create a token for "*:read": token "acmeinc:admin other:read" lacks the role "admin" there',
  });
  expect((await create({ name: "x", scopes: ["other:read"] }, publisher)).status).toBe(404);
  expect(await revoke(all)).toEqual([204, 204, 204]);
});

test("without a token nothing about tokens is answered", async () => {
  const replies = await Promise.all([
    registry.call("GET", "/api/v2/tokens", { token: null }),
    registry.call("POST", "/api/v2/tokens", { token: null, body: { name: "x", scopes: ["acmeinc:read"] } }),
    registry.call("DELETE", "/api/v2/tokens/0192d0e7-0000-7000-8000-000000000000", { token: null }),
  ]);

  expect(replies.map(({ status }) => status)).toEqual([401, 401, 401]);
});

test("of many first starts at once one makes the first token, and later ones none", async () => {
  await using server = await createTestDatabase();
  await using database = openDatabase<RegistryTables>({ url: server.url, schema: "registry" });
  await migrate(database.pool, registrySchema);

  const tokens = await Promise.all(Array.from({ length: 8 }, () => createFirstToken(database)));

  expect(tokens.filter((token) => token !== undefined)).toHaveLength(1);
  expect(await createFirstToken(database)).toBeUndefined();
  expect((await database.pool.query("select name, grants from token")).rows).toEqual([
    { name: "admin", grants: [{ namespace: "*", role: "admin" }] },
  ]);
});
