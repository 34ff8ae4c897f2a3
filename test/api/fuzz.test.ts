import { Buffer } from "node:buffer";
import net from "node:net";
import process from "node:process";
import { text as readAll } from "node:stream/consumers";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { observeDatabase, type Fingerprint } from "../support/fingerprint.ts";
import { packFiles } from "../support/archive.ts";
import { documentOf, operationsOf, type Operation } from "../support/openapi.ts";
import { listRoutes } from "../support/routes.ts";
import { startTestSystem, type TestSystem } from "../support/system.ts";
import { complaintsAbout } from "./complaints.ts";
import { configuration, givenNamespace, givenRun, withoutTerraform } from "./given.ts";
import { damagedFiles, requestsTo, type RequestContext, type WireRequest } from "./requests.ts";
import { createSender } from "./send.ts";
import { bodiesInDetail, unfuzzedRoutes, wireOperations } from "./wire.ts";

/** Both can be set to look further than every run of the tests does. */
const seed = Number(process.env["INGOT_FUZZ_SEED"] ?? 20_261_121);
const runs = Number(process.env["INGOT_FUZZ_RUNS"] ?? 10);

// The routes of the running system name the tests.
const resources = new AsyncDisposableStack();
afterAll(() => resources.disposeAsync());
const system = resources.use(await startTestSystem({ settings: withoutTerraform }));
const observer = resources.use(await observeDatabase(system.databaseUrl));
const sender = resources.use(createSender(system.url));
const context = await givenContext(system);
const described = operationsOf(documentOf(system.app)).map((operation) => ({
  ...operation,
  ...bodiesInDetail[operation.operationId ?? ""],
}));
const operations: readonly Operation[] = [...described, ...wireOperations];
await observer.settle();

async function givenContext(given: TestSystem): Promise<RequestContext> {
  const { uploadUrl } = await givenNamespace(given, "acmeinc", { variable: "hush", state: "hush" });
  const states = ["planned", "planned", "planning", "pending", "errored", "applied"];
  const found = await Promise.all(
    states.map((state, index) => givenRun(given, { namespace: "acmeinc", name: `env${index}`, state })),
  );
  const ids = found.map(({ id }) => id);
  const token = await given.call("POST", "/api/v2/tokens", {
    body: { name: "old", scopes: ["acmeinc:read"] },
  });
  return {
    components: documentOf(given.app).components.schemas,
    token: given.token,
    files: damagedFiles(await packFiles(configuration)),
    known: {
      namespace: ["acmeinc"],
      number: ["1", "2", "3"],
      reference: ["acmeinc/web:latest", "acmeinc/web:1"],
      type: ["amazon.image", "amazon.ami", "vagrant.box"],
      region: ["us-east-1"],
      version: ["1", "2", "latest", "any"],
      build: ["1", "latest", "any"],
      "metadata.0.key": ["os", "region"],
      "metadata.0.value": ["linux", "us-east-1"],
      after: [1, 5, 0, -1, 2 ** 31, 2 ** 53 - 1, 1 - 2 ** 53, "a", ids[0], "-".repeat(36)].map(toCursor),
      category: ["terraform", "env"],
      key: ["size", "PASSWORD"],
      variable: ["web_ami"],
      secret: [uploadUrl.split("/").at(-1)],
      id: [...ids, (token.body as { id: string }).id],
      scopes: [["acmeinc:read"], ["*:admin", "acmeinc:publish"]],
      lineage: ["l"],
    },
    knownUnder: {
      artifacts: { name: ["web"] },
      environments: { name: ["prod", "env0"] },
      resolve: { reference: ["web:latest", "web:1", "web:2", "web:3"] },
    },
  };
}

function toCursor(key: unknown): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

test("every route is fuzzed, or listed with the reason why not", () => {
  const known = new Set(operations.map(({ method, url }) => `${method} ${url}`));
  const forgotten = listRoutes(system.app)
    .filter(({ url }) => !unfuzzedRoutes.some((unfuzzed) => unfuzzed.url.test(url)))
    .filter(({ method, url }) => !known.has(`${method === "HEAD" ? "GET" : method} ${url}`));

  expect(forgotten).toEqual([]);
  expect(listRoutes(system.app).length).toBeGreaterThan(50);
});

test("the fingerprint notices one row", async () => {
  const before = await observer.fingerprint();
  await system.call("POST", "/api/v2/namespaces", { body: { name: "noticed" } });

  expect(changesBetween(before, await observer.fingerprint())).toEqual([
    expect.stringMatching(/^registry\.namespace changed from 1 \w+ to 2 \w+$/),
  ]);
});

/** Requests that were once answered with a 500, or not at all; and texts that only the database refuses. */
const counterexamples: Readonly<Record<string, readonly Partial<WireRequest>[]>> = {
  "POST /api/v2/artifacts/:namespace/:name/versions": [
    { path: "/api/v2/artifacts/acmeinc/web/versions", body: '{"type":"constructor"}' },
  ],
  "HEAD /api/v2/runs/:id/events": [{ path: "/api/v2/runs/{planned}/events" }, { path: "/livez" }],
  "POST /api/v2/environments/:namespace/:name/state": [
    { path: "/api/v2/environments/acmeinc/env1/state", body: '{"serial":1,"lineage":"\\u0000"}' },
    { path: "/api/v2/environments/acmeinc/env1/state", body: '{"serial":1,"lineage":"\\ud800"}' },
    { path: "/api/v2/environments/acmeinc/env1/state?ID=%00", body: '{"serial":1,"lineage":"l"}' },
  ],
  "LOCK /api/v2/environments/:namespace/:name/state": [
    { path: "/api/v2/environments/acmeinc/env1/state", body: '{"ID":"\\u0000"}' },
    { path: "/api/v2/environments/acmeinc/env1/state", body: '{"ID":"\\ud800"}' },
    { path: "/api/v2/environments/acmeinc/env1/state", body: '{"ID":"a","Who":"\\ud800"}' },
    {
      path: "/api/v2/environments/acmeinc/env1/state",
      body: `{"ID":"a","Who":${"[".repeat(9999)}${"]".repeat(9999)}}`,
    },
    { path: "/api/v2/environments/acmeinc/env1/state", body: '{"ID":"a","Created":1e999}' },
  ],
};

describe("bad requests are refused in due form and change nothing", () => {
  const both = operations.flatMap((operation) =>
    operation.method === "GET" ? [operation, { ...operation, method: "HEAD" }] : [operation],
  );
  const named = both.map((operation) => [`${operation.method} ${operation.url}`, operation] as const);
  test.each(named)("%s", { timeout: 120_000 }, async (key, operation) => {
    const examples = (counterexamples[key] ?? []).map(
      (one) => [[toRequest(operation, one)]] as [WireRequest[]],
    );
    const batches = fc.array(requestsTo(operation, context), { minLength: 1, maxLength: 12, size: "max" });

    const obeys = fc.asyncProperty(batches, async (batch) => {
      expect(await faultsOf(batch, operation)).toEqual([]);
    });
    const least = operation.method === "HEAD" ? Math.ceil(runs / 4) : runs;
    await fc.assert(obeys, { seed, numRuns: least + examples.length, examples });
    expect.assertions(least + examples.length);
  });
});

/** What the path parameter names, if anything. */
function first(parameter: string): string {
  const value = context.known[parameter]?.[0];
  return typeof value === "string" ? value : "1";
}

function toRequest({ method }: Operation, { path = "/", body }: Partial<WireRequest>): WireRequest {
  const headers = { authorization: `Bearer ${context.token}`, "content-type": "application/json" };
  return {
    method,
    path: path.replace("{planned}", first("id")),
    headers,
    ...(body !== undefined && { body }),
  };
}

interface Fault {
  request: string;
  complaints: string[];
}

/** Sends the requests in turn. What was refused, and what only reads, must have changed nothing. */
async function faultsOf(batch: readonly WireRequest[], operation: Operation): Promise<Fault[]> {
  const reads = operation.method === "GET" || operation.method === "HEAD";
  const faults: Fault[] = [];
  let before = await observer.fingerprint();
  for (const [index, request] of batch.entries()) {
    const reply = await sender.send(request);
    const complaints = complaintsAbout(request, reply, operation);
    const isLast = index === batch.length - 1;
    if (reads ? isLast : reply.status >= 400) {
      complaints.push(...changesBetween(before, await observer.fingerprint()));
    } else if (!reads) {
      await observer.settle();
      before = await observer.fingerprint();
    }
    if (complaints.length > 0) faults.push({ request: describeRequest(request), complaints });
  }
  return faults;
}

function changesBetween(before: Fingerprint, after: Fingerprint): string[] {
  const tables = Object.keys(before).filter((table) => before[table] !== after[table]);
  return tables.map((table) => `${table} changed from ${before[table]} to ${after[table]}`);
}

function describeRequest({ method, path }: WireRequest): string {
  return `${method} ${path.slice(0, 500)}`;
}

test("a method that an address does not have is 404", async () => {
  const before = await observer.fingerprint();
  const has = new Set(listRoutes(system.app).map(({ method, url }) => `${method} ${url}`));
  const methods = [
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "LOCK",
    "PROPFIND",
    "SEARCH",
    "QUERY",
  ];
  const headers = { authorization: `Bearer ${system.token}`, "content-type": "application/json" };
  const urls = new Set(operations.map(({ url }) => url));
  for (const url of urls) {
    for (const method of methods.filter((each) => !has.has(`${each} ${url}`))) {
      const path = url.replaceAll(/:(\w+)/g, (_all, name: string) => first(name));
      const request = { method, path, headers, body: "{}" };
      const reply = await sender.send(request);
      expect({ method, path, status: reply.status }).toEqual({ method, path, status: 404 });
      expect(complaintsAbout(request, reply)).toEqual([]);
    }
  }

  expect(await observer.fingerprint()).toEqual(before);
});

describe("addresses that nothing answers", () => {
  test.each([
    ["a prefix", "/api/v2"],
    ["a prefix and a slash", "/api/v2/"],
    ["an unknown noun", "/api/v2/unknown"],
    ["two slashes", "/api/v2//artifacts"],
    ["a slash at the end", "/api/v2/artifacts/acmeinc/web/"],
    ["a lone %", "/api/v2/artifacts/%"],
    ["%zz", "/api/v2/artifacts/acmeinc/%zz"],
    ["%zz for Atlas", "/api/v1/artifacts/acmeinc/%zz"],
    ["no UTF-8", "/api/v2/artifacts/acmeinc/%ff%fe"],
    ["a name of 600 letters", `/api/v2/artifacts/acmeinc/${"a".repeat(600)}`],
    ["a name of 12000 letters", `/api/v2/artifacts/acmeinc/${"a".repeat(12_000)}`],
    ["one parameter 1500 times", `/api/v2/artifacts?${"limit=1&".repeat(1500)}`],
    ["dots", "/api/v2/../v2/artifacts"],
    ["a backslash", "/\\"],
    ["slashes", "//"],
    ["a lone % in the query", "/?%"],
    ["a star", "/*"],
  ])("%s", async (_name, path) => {
    const request = { method: "GET", path, headers: { authorization: `Bearer ${system.token}` } };

    const reply = await sender.send(request);

    expect(complaintsAbout(request, reply)).toEqual([]);
  });
});

describe("bytes that are no request are refused, and the next request is served", () => {
  const line = "GET /livez HTTP/1.1\r\nhost: x\r\n";
  test.each([
    ["no HTTP", "hello\r\n\r\n"],
    ["TLS", "\u0016\u0003\u0001\u0002\0\u0001\0"],
    ["an unknown method", "EAT /livez HTTP/1.1\r\nhost: x\r\n\r\n"],
    ["no host", "GET /livez HTTP/1.1\r\n\r\n"],
    ["a NUL in a header", `${line}a: b\0c\r\n\r\n`],
    ["a header without a colon", `${line}nothing\r\n\r\n`],
    ["two lengths", `${line}content-length: 1\r\ncontent-length: 2\r\n\r\nab`],
    ["a length and chunks", `${line}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a negative length", `${line}content-length: -1\r\n\r\n`],
    ["a bad chunk", `POST /api/v2/tokens HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`],
    ["a header of 20 kB", `${line}a: ${"b".repeat(20_000)}\r\n\r\n`],
    ["an address of 20 kB", `GET /${"b".repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`],
    ["an address with a space", "GET /api/v2/a b HTTP/1.1\r\nhost: x\r\n\r\n"],
  ])("%s", async (_name, bytes) => {
    const { port } = new URL(system.url);
    const socket = net.connect(Number(port), "127.0.0.1");
    socket.write(bytes, "latin1");
    const answer = await readAll(socket);

    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect((await sender.send({ method: "GET", path: "/livez", headers: {} })).status).toBe(200);
  });
});
