import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestSystem, type TestSystem } from "../support/system.ts";

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
  await post("/api/v1/artifacts/acmeinc/web/amazon.image", version({ id: "us-east-1:ami-1" }));
});
afterAll(() => system[Symbol.asyncDispose]());

function version(build: object) {
  return JSON.stringify({
    artifact_version: { build_id: 0, compile_id: 0, file: false, id: "", metadata: null, ...build },
  });
}

function send(
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  return fetch(new URL(path, system.url), {
    method,
    headers: { "X-Atlas-Token": system.token, ...json, ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

function post(path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return send("POST", path, body, headers);
}

const artifact = "/api/v1/artifacts/acmeinc/web";
const artifactBody = JSON.stringify({ artifact: { username: "acmeinc", name: "web" } });

const calls: [method: string, path: string, body?: string][] = [
  ["GET", "/api/v1/authenticate"],
  ["GET", artifact],
  ["POST", "/api/v1/artifacts", artifactBody],
  ["POST", `${artifact}/amazon.image`, version({})],
  ["GET", `${artifact}/amazon.image/search?version=latest`],
  ["GET", `${artifact}/amazon.image/1/file`],
  ["GET", `${artifact}/amazon.image/latest/file`],
  ["GET", `${artifact}/amazon.image/file`],
];

describe("a wrong token is 401", () => {
  test.each(calls)("%s %s", async (method, path, body) => {
    const byHeader = await send(method, path, body, { "X-Atlas-Token": "wrong" });
    const byQuery = await fetch(
      new URL(`${path}${path.includes("?") ? "&" : "?"}access_token=wrong`, system.url),
      {
        method,
        ...(body === undefined ? {} : { body, headers: { "Content-Type": "application/json" } }),
      },
    );

    expect([byHeader.status, byQuery.status]).toEqual([401, 401]);
  });
});

describe("what is not there is 404", () => {
  test.each([
    ["GET", "/api/v1/artifacts/acmeinc/unknown"],
    ["GET", "/api/v1/artifacts/unknown/web"],
    ["GET", "/api/v1/artifacts/acmeinc"],
    ["GET", "/api/v1/artifacts"],
    ["GET", `${artifact}/amazon.image/1/file`],
    ["GET", `${artifact}/amazon.image/file`],
    ["GET", `${artifact}/qemu.image/latest/file`],
    ["PUT", "/api/v1/uploads/unknown"],
  ])("%s %s", async (method, path) => {
    expect((await send(method, path, method === "PUT" ? "bytes" : undefined)).status).toBe(404);
  });
});

describe("a namespace out of the token's reach is 404", () => {
  test.each(calls.slice(1))("%s %s", async (method, path, body) => {
    const token = await system.createToken(["other:admin"]);

    expect((await send(method, path, body, { "X-Atlas-Token": token })).status).toBe(404);
  });
});

/** One of the two statuses whose text clients show, and a text that helps. */
function readableRefusal() {
  const help = expect.not.stringMatching(/internal error/i) as string;
  return {
    status: expect.toBeOneOf([400, 422]) as number,
    body: { errors: expect.arrayContaining([help]) as string[] },
  };
}

async function outcomeOf(reply: Response) {
  return { status: reply.status, body: await reply.json() };
}

describe("a request that breaks a rule is answered with the rule", () => {
  test.each([
    ["no JSON", "/api/v1/artifacts", "{"],
    ["an empty body", "/api/v1/artifacts", ""],
    ["JSON that is no object", "/api/v1/artifacts", "[]"],
    ["no artifact", "/api/v1/artifacts", "{}"],
    ["no name", "/api/v1/artifacts", JSON.stringify({ artifact: { username: "acmeinc" } })],
    [
      "a bad name",
      "/api/v1/artifacts",
      JSON.stringify({ artifact: { username: "acmeinc", name: "no such name" } }),
    ],
    [
      "a long name",
      "/api/v1/artifacts",
      JSON.stringify({ artifact: { username: "acmeinc", name: "n".repeat(300) } }),
    ],
    ["no version", `${artifact}/amazon.image`, "{}"],
    ["an id that is a number", `${artifact}/amazon.image`, version({ id: 5 })],
    ["an id with a NUL", `${artifact}/amazon.image`, version({ id: "us-east-1:ami\0" })],
    ["metadata that is a list", `${artifact}/amazon.image`, version({ metadata: ["a"] })],
    ["metadata with a NUL", `${artifact}/amazon.image`, version({ metadata: { a: "\0" } })],
    ["metadata in metadata", `${artifact}/amazon.image`, version({ metadata: { a: { b: "c" } } })],
    ["a file that is a text", `${artifact}/amazon.image`, version({ file: "yes" })],
    ["a build id that is a text", `${artifact}/amazon.image`, version({ build_id: "one" })],
    ["a build id beyond 64 bits", `${artifact}/amazon.image`, version({ build_id: 2 ** 70 })],
    ["a type with a space", `${artifact}/amazon%20image`, version({})],
    [
      "two megabytes of metadata",
      `${artifact}/amazon.image`,
      version({ metadata: { a: "a".repeat(2 ** 21) } }),
    ],
  ])("%s", async (_what, path, body) => {
    expect(await outcomeOf(await post(path, body))).toMatchObject(readableRefusal());
  });

  test.each(["version=newest", "version=-1", "version=1.5", "build=newest"])(
    "a search by %s",
    async (query) => {
      const reply = await send("GET", `${artifact}/amazon.image/search?${query}`);

      expect(await outcomeOf(reply)).toMatchObject(readableRefusal());
    },
  );

  test("and changes nothing", async () => {
    const reply = await send("GET", `${artifact}/amazon.image/search`);

    expect(await reply.json()).toMatchObject({ versions: [{ version: 1, id: "us-east-1:ami-1" }] });
  });
});

describe("a file", () => {
  async function upload(path: string, body: string): Promise<number> {
    const reply = await fetch(new URL(path), { method: "PUT", body });
    return reply.status;
  }

  test("arrives once: a second one changes nothing", async () => {
    const created = await post("/api/v1/artifacts/acmeinc/once/archive", version({ file: true }));
    const { upload_path } = (await created.json()) as { upload_path: string };

    const statuses = [await upload(upload_path, "the first"), await upload(upload_path, "the second")];

    expect(statuses[0]).toBe(200);
    expect(statuses[1]).toBeGreaterThanOrEqual(400);
    expect(statuses[1]).toBeLessThan(500);
    const file = await send("GET", "/api/v1/artifacts/acmeinc/once/archive/1/file");
    expect(await file.text()).toBe("the first");
  });

  test("that has not arrived leaves the version before it the latest", async () => {
    const path = "/api/v1/artifacts/acmeinc/waiting/archive";
    await post(path, version({ id: "there" }));
    await post(path, version({ id: "waiting", file: true }));

    const reply = await send("GET", `${path}/search?version=latest`);

    expect(await reply.json()).toMatchObject({ versions: [{ id: "there" }] });
  });
});

describe("a body", () => {
  function create(body: URLSearchParams | Uint8Array<ArrayBuffer>): Promise<Response> {
    return fetch(new URL("/api/v1/artifacts", system.url), {
      method: "POST",
      headers: { "X-Atlas-Token": system.token },
      body,
    });
  }

  test("without a Content-Type is read as JSON", async () => {
    const reply = await create(new TextEncoder().encode(artifactBody));

    expect(reply.status).toBe(200);
  });

  test("of a form is read as one", async () => {
    const reply = await create(
      new URLSearchParams({ "artifact[username]": "acmeinc", "artifact[name]": "form" }),
    );

    expect(await reply.json()).toMatchObject({ artifact: { tag: "acmeinc/form" } });
  });
});
