import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestRegistry, type TestRegistry } from "../testing/given.ts";

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startTestRegistry();
  await registry.publish("acmeinc/web/amazon.image", { id: "us-east-1:ami-1", build_id: 1 }); // 1
  await registry.publish("acmeinc/web/azure.image", { id: "https://store/disk.vhd", build_id: 1 }); // 1
  await registry.publish("acmeinc/web/amazon.image", {
    id: "us-east-1:ami-2,eu-west-1:ami-3",
    metadata: { os: "debian" },
  }); // 2
  await registry.publish("acmeinc/web/docker.image", { id: "sha256:abc" }); // 3
  await registry.publish("acmeinc/web/amazon.image", { id: "us-east-1:ami-9", file: true }); // 4, pending
  await registry.publish("acmeinc/web/googlecompute.image", { id: "web-5" }); // 5
  await registry.publish("acmeinc/web/amazon.image", { id: "us-east-1:ami-6,us-east-1:ami-7" }); // 6
  await registry.publish("acmeinc/pending/amazon.image", { file: true });
});
afterAll(() => registry[Symbol.asyncDispose]());

const resolve = (path: string, headers: Record<string, string> = {}, token?: string | null) =>
  registry.call("GET", `/api/v2/resolve/${path}`, { headers, ...(token !== undefined && { token }) });

describe("a reference resolves", () => {
  test.each([
    ["acmeinc/web:1?type=amazon.image", 1, "us-east-1", "ami-1"],
    ["acmeinc/web:1?type=azure.image", 1, null, "https://store/disk.vhd"],
    ["acmeinc/web:1?region=us-east-1", 1, "us-east-1", "ami-1"],
    ["acmeinc/web:2?region=eu-west-1", 2, "eu-west-1", "ami-3"],
    ["acmeinc/web:2?type=aws.ami&region=us-east-1", 2, "us-east-1", "ami-2"],
    ["acmeinc/web:3", 3, null, "sha256:abc"],
    ["acmeinc/web:003", 3, null, "sha256:abc"],
    ["acmeinc/web:latest?type=docker.image", 3, null, "sha256:abc"],
    ["acmeinc/web:latest?type=azure.image", 1, null, "https://store/disk.vhd"],
    ["acmeinc/web:5", 5, null, "web-5"],
  ])("%s", async (path, version, region, id) => {
    expect(await resolve(path)).toMatchObject({
      status: 200,
      body: { artifact: "acmeinc/web", version, region, id },
    });
  });
});

describe("a reference that does not name one image is refused", () => {
  test.each([
    [
      "acmeinc/web:1",
      409,
      'Cannot resolve "acmeinc/web:1": give a type, there is amazon.image in us-east-1 (ami-1), azure.image (https://store/disk.vhd)',
    ],
    [
      "acmeinc/web:2",
      409,
      'Cannot resolve "acmeinc/web:2": give a region, there is amazon.image in us-east-1 (ami-2), amazon.image in eu-west-1 (ami-3)',
    ],
    [
      "acmeinc/web:latest?region=us-east-1",
      409,
      'Cannot resolve "acmeinc/web:latest" with region "us-east-1": there is amazon.image in us-east-1 (ami-6), amazon.image in us-east-1 (ami-7)',
    ],
    [
      "acmeinc/web:2?region=ap-south-1",
      404,
      'Cannot resolve "acmeinc/web:2" with region "ap-south-1": there is amazon.image in us-east-1 (ami-2), amazon.image in eu-west-1 (ami-3)',
    ],
    [
      "acmeinc/web:2?type=qemu.image",
      404,
      'Cannot resolve "acmeinc/web:2" with type "qemu.image": no such build',
    ],
    ["acmeinc/web:4", 404, 'Cannot resolve "acmeinc/web:4": no such version'],
    ["acmeinc/web:99", 404, 'Cannot resolve "acmeinc/web:99": no such version'],
    ["acmeinc/pending:latest", 404, 'Cannot resolve "acmeinc/pending:latest": no such version'],
    ["acmeinc/none:latest", 404, 'Cannot resolve "acmeinc/none:latest": no such version'],
    ["nobody/none:latest", 404, 'Cannot resolve "nobody/none:latest": no such version'],
    ["acmeinc/web:production", 404, 'Cannot resolve "acmeinc/web:production": no such channel'],
    ...["web", "web:", "web:0", "web:2147483648", ":latest", "web:a:b", "web:a%20b"].map(
      (reference) =>
        [
          `acmeinc/${reference}`,
          422,
          `Cannot resolve "acmeinc/${decodeURIComponent(reference)}": expected NAMESPACE/NAME:VERSION with a version of latest, a channel or a number`,
        ] as const,
    ),
  ] as const)("%s is %i", async (path, status, detail) => {
    expect(await resolve(path)).toMatchObject({ status, body: { status, detail } });
  });

  test("with the choices, to be read by a program", async () => {
    const reply = await resolve("acmeinc/web:2");

    expect(reply.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(reply.body).toMatchObject({
      choices: [
        { type: "amazon.image", region: "us-east-1", id: "ami-2" },
        { type: "amazon.image", region: "eu-west-1", id: "ami-3" },
      ],
    });
  });
});

describe("an answer", () => {
  const path = "acmeinc/web:2?region=eu-west-1";

  test("has everything about the build", async () => {
    expect((await resolve(path)).body).toEqual({
      artifact: "acmeinc/web",
      version: 2,
      type: "amazon.image",
      region: "eu-west-1",
      id: "ami-3",
      externalId: "us-east-1:ami-2,eu-west-1:ami-3",
      metadata: { os: "debian", ami_id: "ami-2,ami-3", region: "us-east-1,eu-west-1" },
      file: null,
      publishedBy: "admin",
      publishedAt: expect.stringMatching(/Z$/) as string,
    });
  });

  test.each([
    ["text/plain", "text/plain; charset=utf-8", "ami-3"],
    ["text/plain, */*;q=0.1", "text/plain; charset=utf-8", "ami-3"],
    ["TEXT/PLAIN;q=1", "text/plain; charset=utf-8", "ami-3"],
    ["*/*", "application/json; charset=utf-8", expect.objectContaining({ id: "ami-3" }) as object],
    [
      "text/html, text/plain",
      "application/json; charset=utf-8",
      expect.objectContaining({ id: "ami-3" }) as object,
    ],
  ])("to Accept: %s is %s", async (accept, type, body) => {
    const reply = await resolve(path, { accept });

    expect([reply.status, reply.headers.get("content-type"), reply.body]).toEqual([200, type, body]);
  });

  test("may be kept as long as its tag is the same", async () => {
    const [json, plain] = [await resolve(path), await resolve(path, { accept: "text/plain" })];
    const [etag, other] = [json.headers.get("etag") ?? "", plain.headers.get("etag") ?? ""];

    expect(etag).not.toBe(other);
    expect(json.headers.get("vary")).toContain("Accept, Authorization");
    expect(json.headers.get("cache-control")).toBe("private, no-cache");
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      expect(await resolve(path, { "if-none-match": known })).toMatchObject({ status: 304, body: "" });
    }
    for (const stale of [other, '"x"']) {
      expect(await resolve(path, { "if-none-match": stale })).toMatchObject({ status: 200 });
    }
  });

  test("is for those who may read", async () => {
    const reader = await registry.createToken("acmeinc:read");
    const stranger = await registry.createToken("other:admin");

    expect(await resolve(path, {}, reader)).toMatchObject({ status: 200 });
    expect(await resolve(path, {}, stranger)).toMatchObject({ status: 404 });
    expect(await resolve(path, {}, null)).toMatchObject({ status: 401 });
  });
});
