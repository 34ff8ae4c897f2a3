import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestSystem, type TestSystem } from "../../test/support/system.ts";
import type { Token } from "./replies.ts";
import { ingot, ingotJson, serve } from "./test-support.ts";
import { parseExpiry } from "./tokens.ts";

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
});

test("namespaces are created and listed", async () => {
  const created = await ingot("namespace create acmeinc", { system });
  const again = await ingot("namespace create acmeinc", { system });
  const list = await ingot("namespace list", { system });

  expect(created).toEqual({ exitCode: 0, stdout: "", stderr: "Created the namespace acmeinc.\n" });
  expect(again).toMatchObject({ exitCode: 6 });
  expect(list.stdout).toBe("NAMESPACE  CREATED\nacmeinc    just now\n");
});

test("a token is printed alone, may do what its scopes say, and can be revoked", async () => {
  await ingot("namespace create tokens", { system });

  const created = await ingot("token create ci --scope tokens:publish --expires 30d", { system });
  const as = { system: { url: system.url, token: created.stdout.trim() } };
  const published = await ingot("publish tokens/web --type azure.image --id web-1", as);
  const forbidden = await ingot("env create tokens/prod", as);
  const [token] = await ingotJson<Token[]>("token list", { system });
  await ingot(["token", "revoke", token?.id ?? ""], { system });
  const refused = await ingot("versions tokens/web", as);

  expect(created.stdout).toMatch(/^ingot_[\w-]{43}\n$/);
  expect(created.stderr).toMatch(/^Created the token ci \([0-9a-f-]{36}\) with tokens:publish until /);
  expect(published).toMatchObject({ exitCode: 0, stdout: "tokens/web:1\n" });
  expect(forbidden).toMatchObject({ exitCode: 4 });
  expect(token).toMatchObject({ name: "ci", scopes: ["tokens:publish"] });
  expect(refused).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining("the token is unknown, expired or revoked") as string,
  });
});

test("without a token it says how to get one", async () => {
  const { exitCode, stderr } = await ingot("runs", { system: { url: system.url } });

  expect(exitCode).toBe(4);
  expect(stderr).toMatch(/^ingot: Cannot list runs: .*\ngive a token with --token or INGOT_TOKEN; /);
});

test.each([
  "token create x --scope acmeinc",
  "token create x --scope a:owner",
  "token create x -s a:read -e soon",
])("%s is wrong usage", async (command) => {
  expect(await ingot(command, { system })).toMatchObject({ exitCode: 2 });
});

test("an expiry is a span or a date", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");

  expect(
    ["12h", "30d", "2w", "2027-01-31", "2027-01-31T08:00:00+02:00"].map((text) => parseExpiry(text, now)),
  ).toEqual([
    "2026-11-22T00:00:00.000Z",
    "2026-12-21T12:00:00.000Z",
    "2026-12-05T12:00:00.000Z",
    "2027-01-31T00:00:00.000Z",
    "2027-01-31T06:00:00.000Z",
  ]);
});

test("health needs no token and shows what the server depends on", async () => {
  const { exitCode, stdout, stderr } = await ingot("health", { system: { url: system.url } });

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^ok {2,}database +PostgreSQL/);
  expect(stderr).toBe(`${system.url} is ready.\n`);
});

test("a server that is not ready exits with 1 and shows why", async () => {
  const check = { name: "database", ok: false, critical: true, detail: "connection refused" };
  await using server = await serve((_request, response) => {
    response.writeHead(503, { "content-type": "application/json" });
    response.end(JSON.stringify({ ready: false, checks: [check] }));
  });

  expect(await ingot("health", { system: server })).toEqual({
    exitCode: 1,
    stdout: "failed  database  connection refused\n",
    stderr: `ingot: ${server.url} is not ready\n`,
  });
});

test("a reply that is no problem of ours is told by its status", async () => {
  await using server = await serve((_request, response) => response.writeHead(502).end("<html>"));

  expect(await ingot("runs", { system: server })).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "ingot: The server answered 502 Bad Gateway\n",
  });
});
