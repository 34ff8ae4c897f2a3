import { createHash } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { documentOf, operationsOf } from "../support/openapi.ts";
import { packFiles } from "../support/archive.ts";
import { startTestSystem } from "../support/system.ts";
import { configuration, givenEnvironment, givenNamespace, givenRun, givenUpload, query } from "./given.ts";
import { givenState, withoutTerraform } from "./given.ts";
import { wireOperations } from "./wire.ts";

const resources = new AsyncDisposableStack();
afterAll(() => resources.disposeAsync());
const system = resources.use(await startTestSystem({ settings: withoutTerraform }));

const secrets = { variable: "sensitive-variable-value", state: "sensitive-state-value" };
const { uploadUrl } = await givenNamespace(system, "acmeinc", secrets);
await givenNamespace(system, "foreign", { variable: "foreign-variable", state: "foreign-state" });
const foreignRun = await givenRun(system, { namespace: "foreign", name: "stage", state: "planned" });
const ownRun = await givenRun(system, { namespace: "acmeinc", name: "stage", state: "planning" });
const archive = await packFiles(configuration);

/** Roles of the namespace, least first, and the administrator of all. */
const ladder = ["read", "publish", "operate", "admin", "site"] as const;
type Rung = (typeof ladder)[number];
type Nobody = "anonymous" | "expired" | "revoked";
type Identity = Rung | Nobody | "foreign" | "run";

const tokens: Record<Exclude<Identity, "anonymous">, string> = {
  read: await system.createToken(["acmeinc:read"]),
  publish: await system.createToken(["acmeinc:publish"]),
  operate: await system.createToken(["acmeinc:operate"]),
  admin: await system.createToken(["acmeinc:admin"]),
  site: system.token,
  foreign: await system.createToken(["foreign:admin"]),
  expired: await givenExpired(),
  revoked: await givenRevoked(),
  run: ownRun.token,
};

async function givenExpired(): Promise<string> {
  const token = await system.createToken(["*:admin", "acmeinc:admin"]);
  await query(system, "update registry.token set expires_at = now() - interval '1 second' where hash = $1", [
    hashOf(token),
  ]);
  return token;
}

async function givenRevoked(): Promise<string> {
  const scopes = ["*:admin", "acmeinc:admin"];
  const { body } = await system.call("POST", "/api/v2/tokens", { body: { name: "revoked", scopes } });
  const { id, token } = body as { id: string; token: string };
  await system.call("DELETE", `/api/v2/tokens/${id}`);
  return token;
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

interface Call {
  method: string;
  path: string;
  body?: unknown;
  bytes?: Uint8Array<ArrayBuffer> | string;
}

/** What may be done with it, and by whom. */
interface Rule {
  /**
   * The least role. `open`: no token needed. `any`: every valid token, and it sees its own namespaces alone. `site`:
   * admin in every namespace.
   */
  needs: Rung | "open" | "any";
  /** The answer to those who may. */
  ok: number;
  /** A call that changes things gets new ones for each try. */
  call: Call | ((fresh: string) => Call | Promise<Call>);
  /** What a run's own token gets. */
  run: number;
  /** What lower roles get instead of 403: 404 where they do not see the thing, 422 where Packer shows no other text. */
  lacking?: number;
}

const get = (path: string): Call => ({ method: "GET", path });
const post = (path: string, body?: unknown): Call => ({ method: "POST", path, body });
const put = (path: string, body?: unknown): Call => ({ method: "PUT", path, body });

const web = "/api/v2/artifacts/acmeinc/web";
const prod = "/api/v2/environments/acmeinc/prod";
const atlas = "/api/v1/artifacts/acmeinc/web";
const lock = { ID: "lock-of-the-test" };

async function freshEnvironment(name: string): Promise<string> {
  await givenEnvironment(system, { namespace: "acmeinc", name });
  return `/api/v2/environments/acmeinc/${name}`;
}

async function freshRun(name: string, state: string): Promise<string> {
  return `/api/v2/runs/${(await givenRun(system, { namespace: "acmeinc", name, state })).id}`;
}

async function freshToken(): Promise<string> {
  const { body } = await system.call("POST", "/api/v2/tokens", {
    body: { name: "any", scopes: ["acmeinc:read"] },
  });
  return (body as { id: string }).id;
}

const applied = await freshRun("applied", "applied");

const rules: Readonly<Record<string, Rule>> = {
  getLiveness: { needs: "open", ok: 200, run: 200, call: get("/livez") },
  getReadiness: { needs: "open", ok: 200, run: 200, call: get("/readyz") },
  "GET /": { needs: "open", ok: 302, run: 302, call: get("/") },

  listNamespaces: { needs: "any", ok: 200, run: 200, call: get("/api/v2/namespaces") },
  getNamespace: { needs: "read", ok: 200, run: 200, call: get("/api/v2/namespaces/acmeinc") },
  createNamespace: {
    needs: "site",
    ok: 201,
    run: 403,
    call: (fresh) => post("/api/v2/namespaces", { name: fresh }),
  },

  listTokens: { needs: "any", ok: 200, run: 200, call: get("/api/v2/tokens") },
  createToken: {
    needs: "admin",
    ok: 201,
    run: 403,
    call: post("/api/v2/tokens", { name: "new", scopes: ["acmeinc:read"] }),
  },
  revokeToken: {
    needs: "admin",
    ok: 204,
    run: 404,
    lacking: 404,
    call: async () => ({ method: "DELETE", path: `/api/v2/tokens/${await freshToken()}` }),
  },

  listArtifacts: { needs: "any", ok: 200, run: 200, call: get("/api/v2/artifacts") },
  getArtifact: { needs: "read", ok: 200, run: 200, call: get(web) },
  createArtifact: {
    needs: "publish",
    ok: 201,
    run: 403,
    call: (fresh) => post("/api/v2/artifacts", { namespace: "acmeinc", name: fresh }),
  },
  listVersions: { needs: "read", ok: 200, run: 200, call: get(`${web}/versions`) },
  getVersion: { needs: "read", ok: 200, run: 200, call: get(`${web}/versions/1`) },
  publishVersion: {
    needs: "publish",
    ok: 201,
    run: 403,
    call: post(`${web}/versions`, { type: "qemu.image", externalId: "x" }),
  },
  resolveReference: {
    needs: "read",
    ok: 200,
    run: 200,
    call: get("/api/v2/resolve/acmeinc/web:1?region=us-east-1"),
  },

  listSubscriptions: { needs: "any", ok: 200, run: 200, call: get("/api/v2/subscriptions") },

  listEnvironments: { needs: "any", ok: 200, run: 200, call: get("/api/v2/environments") },
  getEnvironment: { needs: "read", ok: 200, run: 403, call: get(prod) },
  createEnvironment: {
    needs: "admin",
    ok: 201,
    run: 403,
    call: (fresh) => post("/api/v2/environments", { namespace: "acmeinc", name: fresh }),
  },
  updateEnvironment: {
    needs: "admin",
    ok: 200,
    run: 403,
    call: { method: "PATCH", path: prod, body: { description: "changed" } },
  },
  releaseEnvironment: {
    needs: "operate",
    ok: 204,
    run: 403,
    call: { method: "DELETE", path: `${prod}/lock` },
  },
  listConfigurations: { needs: "read", ok: 200, run: 403, call: get(`${prod}/configurations`) },
  uploadConfiguration: {
    needs: "operate",
    ok: 201,
    run: 403,
    call: { method: "POST", path: `${prod}/configurations`, bytes: archive },
  },
  listVariables: { needs: "read", ok: 200, run: 403, call: get(`${prod}/variables`) },
  putVariable: {
    needs: "operate",
    ok: 200,
    run: 403,
    call: (fresh) =>
      put(`${prod}/variables/terraform/${fresh}`, { value: secrets.variable, sensitive: true }),
  },
  deleteVariable: {
    needs: "operate",
    ok: 204,
    run: 403,
    call: async (fresh) => {
      const path = `${prod}/variables/terraform/${fresh}`;
      await system.call("PUT", path, { body: { value: "x" } });
      return { method: "DELETE", path };
    },
  },
  listInputs: { needs: "read", ok: 200, run: 403, call: get(`${prod}/inputs`) },
  putInput: {
    needs: "operate",
    ok: 200,
    run: 403,
    call: async (fresh) =>
      put(`${await freshEnvironment(fresh)}/inputs/ami`, { reference: "acmeinc/web:latest" }),
  },
  deleteInput: {
    needs: "operate",
    ok: 204,
    run: 403,
    call: async (fresh) => {
      const path = `${await freshEnvironment(fresh)}/inputs/ami`;
      await system.call("PUT", path, { body: { reference: "acmeinc/web:latest" } });
      return { method: "DELETE", path };
    },
  },

  readState: { needs: "operate", ok: 200, run: 404, call: get(`${prod}/state`) },
  writeState: {
    needs: "operate",
    ok: 200,
    run: 404,
    call: async (fresh) => post(`${await freshEnvironment(fresh)}/state`, { serial: 1, lineage: "l" }),
  },
  listStateVersions: { needs: "read", ok: 200, run: 403, call: get(`${prod}/state-versions`) },
  readStateVersion: { needs: "operate", ok: 200, run: 404, call: get(`${prod}/state-versions/1`) },
  rollBackState: {
    needs: "operate",
    ok: 201,
    run: 404,
    call: async (fresh) => {
      const environment = await freshEnvironment(fresh);
      await givenState(system, { namespace: "acmeinc", name: fresh, secret: "s" });
      return post(`${environment}/state-versions/1/rollback`);
    },
  },
  "LOCK /api/v2/environments/:namespace/:name/state": {
    needs: "operate",
    ok: 200,
    run: 404,
    call: async (fresh) => ({ method: "LOCK", path: `${await freshEnvironment(fresh)}/state`, body: lock }),
  },
  "UNLOCK /api/v2/environments/:namespace/:name/state": {
    needs: "operate",
    ok: 200,
    run: 404,
    call: async (fresh) => {
      const path = `${await freshEnvironment(fresh)}/state`;
      await system.call("LOCK", path, { body: lock });
      return { method: "UNLOCK", path, body: lock };
    },
  },

  listRuns: { needs: "any", ok: 200, run: 200, call: get("/api/v2/runs") },
  listEnvironmentRuns: { needs: "read", ok: 200, run: 403, call: get(`${prod}/runs`) },
  // No apply has failed to store its state here.
  getRunUnsavedState: { needs: "operate", ok: 404, run: 403, call: get(`${applied}/unsaved-state`) },
  createRun: {
    needs: "operate",
    ok: 201,
    run: 403,
    call: async (fresh) => post(`${await freshEnvironment(fresh)}/runs`, {}),
  },
  getRun: { needs: "read", ok: 200, run: 403, call: get(applied) },
  getRunPlan: { needs: "read", ok: 200, run: 403, call: get(`${applied}/plan`) },
  getRunLog: { needs: "read", ok: 200, run: 403, call: get(`${applied}/log`) },
  streamRun: { needs: "read", ok: 200, run: 403, call: get(`${applied}/events`) },
  confirmRun: {
    needs: "operate",
    ok: 200,
    run: 403,
    call: async (fresh) => post(`${await freshRun(fresh, "planned")}/confirm`),
  },
  discardRun: {
    needs: "operate",
    ok: 200,
    run: 403,
    call: async (fresh) => post(`${await freshRun(fresh, "planned")}/discard`),
  },
  cancelRun: {
    needs: "operate",
    ok: 200,
    run: 403,
    call: async (fresh) => post(`${await freshRun(fresh, "planning")}/cancel`),
  },
  forceCancelRun: {
    needs: "operate",
    ok: 200,
    run: 403,
    call: async (fresh) => post(`${await freshRun(fresh, "applying")}/force-cancel`),
  },

  "GET /api/v1/authenticate": { needs: "any", ok: 200, run: 200, call: get("/api/v1/authenticate") },
  "POST /api/v1/authenticate": {
    needs: "open",
    ok: 401,
    run: 401,
    call: post("/api/v1/authenticate", { user: { login: "a", password: "b" } }),
  },
  "POST /api/v1/artifacts": {
    needs: "publish",
    ok: 200,
    run: 422,
    lacking: 422,
    call: (fresh) => post("/api/v1/artifacts", { artifact: { username: "acmeinc", name: fresh } }),
  },
  "GET /api/v1/artifacts/:namespace/:name": { needs: "read", ok: 200, run: 200, call: get(atlas) },
  "POST /api/v1/artifacts/:namespace/:name/:type": {
    needs: "publish",
    ok: 200,
    run: 422,
    lacking: 422,
    call: post(`${atlas}/qemu.image`, { artifact_version: { id: "x", file: true } }),
  },
  "GET /api/v1/artifacts/:namespace/:name/:type/search": {
    needs: "read",
    ok: 200,
    run: 200,
    call: get(`${atlas}/amazon.image/search`),
  },
  "GET /api/v1/artifacts/:namespace/:name/:type/file": {
    needs: "read",
    ok: 200,
    run: 200,
    call: get(`${atlas}/vagrant.box/file`),
  },
  "GET /api/v1/artifacts/:namespace/:name/:type/:version/file": {
    needs: "read",
    ok: 200,
    run: 200,
    call: get(`${atlas}/vagrant.box/2/file`),
  },
  // The secret in the address is the credential.
  "PUT /api/v1/uploads/:secret": {
    needs: "open",
    ok: 200,
    run: 200,
    call: async () => {
      const { pathname } = new URL(await givenUpload(system, "acmeinc"));
      return { method: "PUT", path: pathname, bytes: "bytes" };
    },
  },
};

const nobodies: readonly Nobody[] = ["anonymous", "expired", "revoked"];
const identities: readonly Identity[] = [...nobodies, "foreign", ...ladder, "run"];

function expectedStatus({ needs, ok, lacking = 403, run }: Rule, identity: Identity): number {
  if (needs === "open") return ok;
  if (nobodies.includes(identity as Nobody)) return 401;
  if (identity === "run") return run;
  if (needs === "any") return ok;
  if (identity === "foreign") return needs === "site" ? 403 : 404;
  if (ladder.indexOf(identity as Rung) >= ladder.indexOf(needs)) return ok;
  return lacking;
}

interface Reply {
  status: number;
  text: string;
}

const replies: { identity: Identity; name: string; text: string }[] = [];

async function send(call: Call, token: string | undefined): Promise<Reply> {
  const body = call.bytes ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
  const contentType = call.bytes === undefined ? "application/json" : "application/octet-stream";
  const reply = await fetch(`${system.url}${call.path}`, {
    method: call.method,
    redirect: "manual",
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": contentType }),
    },
    ...(body !== undefined && { body }),
  });
  const headers = JSON.stringify([...reply.headers]);
  return { status: reply.status, text: `${headers}\n${await reply.text()}` };
}

let count = 0;

async function attempt(name: string, rule: Rule, identity: Identity): Promise<number> {
  const call = typeof rule.call === "function" ? await rule.call(`fresh-${++count}`) : rule.call;
  const { status, text } = await send(call, identity === "anonymous" ? undefined : tokens[identity]);
  replies.push({ identity, name, text });
  return status;
}

test("every operation has a rule", () => {
  const described = operationsOf(documentOf(system.app)).map(({ operationId }) => operationId ?? "");
  const wire = wireOperations.map(({ method, url }) => `${method} ${url}`);

  expect(Object.keys(rules).toSorted()).toEqual([...described, ...wire].toSorted());
});

describe("who may do what", () => {
  test.each(Object.entries(rules))("%s", async (name, rule) => {
    const statuses: Partial<Record<Identity, number>> = {};
    for (const identity of identities) statuses[identity] = await attempt(name, rule, identity);

    expect(statuses).toEqual(
      Object.fromEntries(identities.map((each) => [each, expectedStatus(rule, each)])),
    );
  });
});

describe("a list shows what the caller may see and nothing else", () => {
  const lists = Object.entries(rules).filter(
    ([name, { needs }]) => name.startsWith("list") && needs === "any",
  );
  const whole = (call: Rule["call"]): Call => get(`${(call as Call).path}?limit=200`);
  const foreignThings = /foreign\/|"name":"foreign"|"namespace":"foreign"|"foreign:/;

  test.each(lists)("%s", async (_name, { call }) => {
    const own = await send(whole(call), tokens.admin);
    const foreign = await send(whole(call), tokens.foreign);
    const all = await send(whole(call), tokens.site);

    expect(own.text).not.toMatch(foreignThings);
    expect(foreign.text).not.toMatch(/"acmeinc[/:"]/);
    expect(all.text).toMatch(foreignThings);
  });

  test.each(["listEnvironments", "listRuns"])("%s is empty for a run's token", async (name) => {
    expect((await send(whole(rules[name]?.call ?? get("/")), ownRun.token)).text).toContain('"items":[]');
  });

  test.each([`/api/v2/runs/${foreignRun.id}`, `/api/v2/runs/${foreignRun.id}/log`])("%s", async (path) => {
    expect((await send(get(path), tokens.admin)).status).toBe(404);
  });
});

describe("what is not there and what may not be seen look the same", () => {
  test.each([
    ["/api/v2/artifacts/foreign/web", "/api/v2/artifacts/foreign/none"],
    ["/api/v2/environments/foreign/prod", "/api/v2/environments/foreign/none"],
    ["/api/v2/namespaces/foreign", "/api/v2/namespaces/none"],
    ["/api/v2/resolve/foreign/web:1", "/api/v2/resolve/foreign/none:1"],
  ])("%s", async (there, missing) => {
    const shape = (text: string, path: string) =>
      text
        .split("\n")[1]
        ?.replaceAll(/"requestId":"[^"]+"/g, "")
        .replaceAll(path.split("/").slice(-1)[0] ?? "", "X");
    const one = await send(get(there), tokens.admin);
    const other = await send(get(missing), tokens.admin);

    expect([one.status, other.status]).toEqual([404, 404]);
    expect(shape(one.text, there)).toEqual(shape(other.text, missing));
  });
});

describe("a run's token", () => {
  test("works on the state of its own environment", async () => {
    const state = "/api/v2/environments/acmeinc/stage/state";
    const steps = [
      get(state),
      { method: "LOCK", path: state, body: lock },
      post(`${state}?ID=${lock.ID}`, { serial: 1, lineage: "own" }),
      get(state),
      { method: "UNLOCK", path: state, body: lock },
    ];
    const statuses: number[] = [];
    for (const step of steps) statuses.push((await send(step, ownRun.token)).status);

    expect(statuses).toEqual([204, 200, 200, 200, 200]);
  });

  test("neither breaks a lock nor reads earlier states", async () => {
    await givenState(system, { namespace: "acmeinc", name: "stage", secret: "s" }).catch(() => undefined);
    const state = "/api/v2/environments/acmeinc/stage/state";

    expect((await send({ method: "UNLOCK", path: state }, ownRun.token)).status).toBe(403);
    expect((await send(get(`${state}-versions/1`), ownRun.token)).status).toBe(403);
  });

  test("is dead when the run has ended", async () => {
    const run = await givenRun(system, { namespace: "acmeinc", name: "short", state: "planned" });
    expect((await send(get(web), run.token)).status).toBe(200);

    await system.call("POST", `/api/v2/runs/${run.id}/discard`);

    expect((await send(get(web), run.token)).status).toBe(401);
  });
});

describe("a token is taken from each of the places where clients put it", () => {
  const basic = (token: string) => `Basic ${Buffer.from(`any:${token}`).toString("base64")}`;
  const places: [string, (token: string) => [Record<string, string>, string]][] = [
    ["Authorization: Bearer", (token) => [{ authorization: `Bearer ${token}` }, ""]],
    ["Authorization: bearer", (token) => [{ authorization: `bearer ${token}` }, ""]],
    ["Authorization: Basic", (token) => [{ authorization: basic(token) }, ""]],
    ["X-Atlas-Token", (token) => [{ "x-atlas-token": token }, ""]],
    ["access_token", (token) => [{}, `?access_token=${token}`]],
  ];

  test.each(places)("%s", async (_name, place) => {
    const ask = async (path: string, token: string) => {
      const [headers, search] = place(token);
      return (await fetch(`${system.url}${path}${search}`, { headers })).status;
    };
    const statuses: number[] = [];
    for (const path of [web, atlas, "/api/v1/api/v1/artifacts/acmeinc/web"]) {
      for (const who of ["read", "foreign", "expired", "revoked"] as const) {
        statuses.push(await ask(path, tokens[who]));
      }
    }

    expect(statuses).toEqual([200, 404, 401, 401, 200, 404, 401, 401, 200, 404, 401, 401]);
  });
});

describe("no reply holds a secret", () => {
  const uploadSecret = uploadUrl.split("/").at(-1) ?? "";
  const forms = Object.entries(tokens).flatMap(([name, token]) => [
    [`the token of ${name}`, token],
    [`the hash of ${name}`, hashOf(token).toString("hex")],
    [`the hash of ${name} in base64`, hashOf(token).toString("base64")],
  ]);
  const hidden = [
    ["a sensitive variable", secrets.variable],
    ["a sensitive variable of others", "foreign-variable"],
    ["a state of others", "foreign-state"],
    ["an upload secret", uploadSecret],
    ["the hash of an upload secret", hashOf(uploadSecret).toString("hex")],
  ];

  test.each([...forms, ...hidden])("%s", (_name, secret) => {
    expect(replies.filter(({ text }) => text.includes(secret ?? "")).map(({ name }) => name)).toEqual([]);
  });

  test("but the state to those who may read it", () => {
    const seen = replies.filter(({ text }) => text.includes(secrets.state));

    expect(new Set(seen.map(({ identity }) => identity))).toEqual(new Set(["operate", "admin", "site"]));
    expect(new Set(seen.map(({ name }) => name))).toEqual(new Set(["readState", "readStateVersion"]));
    expect(replies.length).toBeGreaterThan(400);
  });
});
