import { Buffer } from "node:buffer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestRegistry, type TestRegistry } from "../testing/given.ts";

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startTestRegistry();
});
afterAll(() => registry[Symbol.asyncDispose]());

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  registry.call("POST", `/api/v1${path}`, { body, headers });
const version = (members: object) => ({ artifact_version: members });

describe("an artifact", () => {
  test("is created by whoever misses it, and answered to whoever comes second", async () => {
    const web = { artifact: { username: "acmeinc", name: "web", tag: "acmeinc/web" } };
    const body = { artifact: { username: "acmeinc", name: "web" } };
    expect(await registry.call("GET", "/api/v1/artifacts/acmeinc/web")).toMatchObject({ status: 404 });

    const created = await Promise.all(Array.from({ length: 8 }, () => post("/artifacts", body)));

    for (const reply of created) expect(reply).toMatchObject({ status: 200, body: web });
    expect(await registry.call("GET", "/api/v1/artifacts/acmeinc/web")).toMatchObject({
      status: 200,
      body: web,
    });
  });

  test("may have what the recorded clients send around its name", async () => {
    const body = {
      artifact: { username: "acmeinc", name: "extra", Tag: "acmeinc/extra", private: true },
      other: 1,
    };

    expect(await post("/artifacts", body)).toMatchObject({ status: 200 });
  });
});

describe("a version", () => {
  const path = "/artifacts/acmeinc/app/amazon.image";

  test.each([
    [
      "everything",
      { id: "us-east-1:ami-1", file: false, metadata: { os: "debian" }, build_id: 1, compile_id: 2 },
    ],
    ["nulls", { id: null, file: null, metadata: null, build_id: null, compile_id: null }],
    ["nothing", {}],
    ["unknown members", { id: "", size: 5, nested: { a: [] } }],
    ["a negative build", { build_id: -1 }],
  ])("is published with %s", async (_what, members) => {
    expect(await post(path, version(members))).toMatchObject({
      status: 200,
      body: { artifact_type: "amazon.image", version: expect.any(Number) as number, file: false },
    });
  });

  test("has an absolute upload address on the host of the request, with its secret in the path", async () => {
    const { body } = await post(path, version({ file: true }));

    const { upload_path: url, upload_token: secret } = body as { upload_path: string; upload_token: string };
    expect(url).toBe(`${registry.url}/api/v1/uploads/${secret}`);
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test("keeps odd metadata as it is", async () => {
    const metadata = { __proto__x: "1", constructor: "2", "a b/c:d": "", é: "\u{1F600}", toString: "3" };
    const json = JSON.stringify(version({ metadata })).replace('"__proto__x"', '"__proto__"');

    const { body } = await post(path, json);

    expect(JSON.stringify((body as { metadata: object }).metadata)).toContain('"__proto__":"1"');
    const found = await registry.call("GET", `/api/v1${path}/search?version=latest&metadata.1.key=__proto__`);
    expect(found.body).toMatchObject({
      versions: [{ metadata: { constructor: "2", "a b/c:d": "", toString: "3" } }],
    });
  });
});

describe("a body", () => {
  const artifact = JSON.stringify({ artifact: { username: "acmeinc", name: "body" } });

  test.each([
    ["no Content-Type", {}],
    ["application/json", { "content-type": "application/json" }],
    ["application/json; charset=utf-8", { "content-type": "application/json; charset=utf-8" }],
    ["text/plain", { "content-type": "text/plain" }],
    ["application/octet-stream", { "content-type": "application/octet-stream" }],
  ])("with %s is JSON", async (_what, headers) => {
    expect(await post("/artifacts", Buffer.from(artifact), headers)).toMatchObject({ status: 200 });
  });

  test("of a form is an artifact", async () => {
    const form = new URLSearchParams({ "artifact[username]": "acmeinc", "artifact[name]": "form" });

    expect(await post("/artifacts", form)).toMatchObject({ body: { artifact: { tag: "acmeinc/form" } } });
  });

  test("of a form is a version, with metadata, numbers and a file", async () => {
    const form = new URLSearchParams({
      "artifact_version[id]": "us-east-1:ami-1",
      "artifact_version[file]": "true",
      "artifact_version[build_id]": "7",
      "artifact_version[metadata][os]": "debian & more",
      "artifact_version[metadata][a.b]": "",
    });

    expect(await post("/artifacts/acmeinc/form/amazon.image", form)).toMatchObject({
      status: 200,
      body: {
        id: "us-east-1:ami-1",
        file: true,
        metadata: { os: "debian & more", "a.b": "", region: "us-east-1" },
        upload_path: expect.stringContaining("/api/v1/uploads/") as string,
      },
    });
  });

  test("of a form touches nothing but itself", async () => {
    const form = [
      "constructor[keys]=x",
      "__proto__[polluted]=x",
      "toString[call]=x",
      "a[__proto__][polluted]=x",
    ];

    const reply = await registry.call("POST", "/api/v1/artifacts", {
      token: null,
      body: new URLSearchParams(form.join("&")),
    });

    expect(reply.status).toBe(401);
    expect(typeof Object.keys).toBe("function");
    expect(typeof Object.prototype.toString.call).toBe("function");
    expect("polluted" in {}).toBe(false);
  });
});

describe("a refusal is one that Packer shows", () => {
  const path = "/artifacts/acmeinc/app/amazon.image";
  const long = "n".repeat(51);
  test.each([
    ["/artifacts", "{", "Cannot read the body: it is no JSON"],
    ["/artifacts", {}, 'Cannot create an artifact: expected {"artifact":{"username":"…","name":"…"}}'],
    [
      "/artifacts",
      { artifact: { username: "acmeinc", name: "a b" } },
      'Cannot use "a b" as artifact name: expected 1 to 50 letters, digits, ".", "_" or "-", beginning with a letter or digit',
    ],
    [
      `/artifacts/acmeinc/${long}/amazon.image`,
      version({}),
      `Cannot use "${long}" as artifact name: expected 1 to 50 letters, digits, ".", "_" or "-", beginning with a letter or digit`,
    ],
    [
      "/artifacts/acmeinc/app/amazon%20image",
      version({}),
      'Cannot use "amazon image" as artifact type: expected 1 to 100 letters, digits, ".", "_", "+" or "-", beginning with a letter or digit',
    ],
    [path, {}, 'Cannot publish: expected {"artifact_version":{…}}'],
    [path, version({ id: 5 }), "Cannot publish: artifact_version.id is no string of at most 65536 bytes"],
    [
      path,
      version({ id: "é".repeat(32_769) }),
      "Cannot publish: artifact_version.id is no string of at most 65536 bytes",
    ],
    [
      path,
      version({ file: "yes" }),
      'Cannot publish: artifact_version.file is "yes", expected true or false',
    ],
    [
      path,
      version({ build_id: "x" }),
      'Cannot publish: artifact_version.build_id is "x", expected an integer below 2^53',
    ],
    [
      path,
      version({ compile_id: 1.5 }),
      "Cannot publish: artifact_version.compile_id is 1.5, expected an integer below 2^53",
    ],
    [path, version({ metadata: { n: 5 } }), 'Cannot read metadata "n": expected a string'],
    [
      path,
      version({ metadata: { a: "x".repeat(300_000) } }),
      "Cannot publish with 300008 bytes of metadata: at most 262144 are kept; put what is larger into the file",
    ],
    [path, version({ metadata: { a: "x".repeat(2_000_000) } }), "Request body is too large"],
  ])("%s %#", async (route, body, text) => {
    const headers: Record<string, string> = typeof body === "string" ? { "content-type": "text/json" } : {};

    expect(await post(route, body, headers)).toMatchObject({
      status: 422,
      body: { success: false, errors: [text] },
    });
  });

  test("where a role is missing too", async () => {
    const token = await registry.createToken("acmeinc:read");

    expect(await registry.call("POST", `/api/v1${path}`, { token, body: version({}) })).toMatchObject({
      status: 422,
      body: {
        errors: [
          'Cannot publish "acmeinc/app": token "acmeinc:read" lacks the role "publish" in namespace "acmeinc"',
        ],
      },
    });
  });

  test("and where the fault is ours", async () => {
    await using broken = await startTestRegistry();
    await broken.database.pool.query("alter table registry.build rename to away");

    const reply = await broken.call("POST", `/api/v1${path}`, { body: version({}) });

    expect(reply).toMatchObject({
      status: 422,
      body: {
        errors: [expect.stringMatching(/request id \S+$/)],
      },
    });
  });
});

describe("who is asking", () => {
  test.each([
    ["no token", {}, 401],
    ["a wrong token", { "x-atlas-token": "wrong" }, 401],
    ["an empty token", { "x-atlas-token": "" }, 401],
  ])("is refused with %s", async (_what, headers, status) => {
    expect((await registry.call("GET", "/api/v1/authenticate", { token: null, headers })).status).toBe(
      status,
    );
  });

  test("is known by header and by parameter", async () => {
    const replies = await Promise.all([
      registry.call("GET", "/api/v1/authenticate", {
        token: null,
        headers: { "x-atlas-token": registry.token },
      }),
      registry.call("GET", `/api/v1/authenticate?access_token=${registry.token}`, { token: null }),
      registry.call("GET", "/api/v1/authenticate"),
    ]);

    for (const reply of replies) expect(reply).toMatchObject({ status: 200, body: { name: "admin" } });
  });

  test("with a password is told to use a token", async () => {
    const body = new URLSearchParams({ "user[login]": "me", "user[password]": "secret" });

    expect(await post("/authenticate", body)).toMatchObject({
      status: 401,
      body: { errors: ["Cannot log in with a password: create a token with ingot token create"] },
    });
  });
});
