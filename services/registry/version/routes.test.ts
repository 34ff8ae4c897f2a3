import { Buffer } from "node:buffer";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestRegistry, type TestRegistry } from "../testing/given.ts";
import { metadataLimitBytes } from "./metadata.ts";

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startTestRegistry();
});
afterAll(() => registry[Symbol.asyncDispose]());

let names = 0;
let versions = "";
beforeEach(() => {
  versions = `/api/v2/artifacts/acmeinc/app-${++names}/versions`;
});

const publish = (body: object, headers: Record<string, string> = {}) =>
  registry.call("POST", versions, { body, headers });
const put = (url: string) => fetch(url, { method: "PUT", body: "bytes" }).then(({ status }) => status);

interface Published {
  version: { number: number };
  uploadUrl: string;
}
interface Page {
  items: { number: number }[];
  next: string | null;
}

test("a published version is read back as it was published", async () => {
  const image = {
    type: "aws.ami",
    externalId: "us-east-1:ami-1",
    metadata: { os: "debian" },
    buildNumber: 7,
  };

  const { status, body } = await publish(image);

  const version = {
    artifact: `acmeinc/app-${names}`,
    number: 1,
    createdAt: expect.stringMatching(/Z$/) as string,
    builds: [
      {
        type: "amazon.image",
        state: "complete",
        externalId: "us-east-1:ami-1",
        metadata: { os: "debian", ami_id: "ami-1", region: "us-east-1" },
        publishedBy: "admin",
        publishedAt: expect.stringMatching(/Z$/) as string,
        file: null,
      },
    ],
  };
  expect({ status, body }).toEqual({ status: 201, body: { version, uploadUrl: null } });
  expect((await registry.call("GET", `${versions}/1`)).body).toEqual(version);
});

test("a version is pending until its file has arrived", async () => {
  const { uploadUrl } = (await publish({ type: "archive", file: true })).body as Published;
  const state = async () =>
    ((await registry.call("GET", `${versions}/1`)).body as { builds: unknown[] }).builds[0];
  expect(await state()).toMatchObject({ state: "pending", publishedAt: null, file: null });

  expect(await put(uploadUrl)).toBe(200);

  expect(await state()).toMatchObject({
    state: "complete",
    file: { sizeBytes: 5, url: `${registry.url}/api/v1/artifacts/acmeinc/app-${names}/archive/1/file` },
  });
});

describe("an idempotency key", () => {
  const key = { "idempotency-key": "job 17" };
  const image = { type: "amazon.image", externalId: "us-east-1:ami-1", metadata: { os: "debian" } };

  test("gives the same version to a repetition", async () => {
    const [first, second] = [await publish(image, key), await publish({ ...image, type: "amazon.ami" }, key)];

    expect(second).toEqual({ ...first, headers: expect.anything() as Headers });
    expect(await publish(image)).toMatchObject({ body: { version: { number: 2 } } });
  });

  test.each([
    ["another type", { type: "azure.image" }],
    ["another id", { externalId: "us-east-1:ami-2" }],
    ["other metadata", { metadata: { os: "alpine" } }],
    ["a file", { file: true }],
    ["a build number", { buildNumber: 3 }],
  ])("with %s is a conflict that changes nothing", async (_what, change) => {
    await publish(image, key);

    const { type, externalId } = { ...image, ...change };
    expect(await publish({ ...image, ...change }, key)).toMatchObject({
      status: 409,
      body: {
        detail: `Cannot publish "${externalId}" of type "${type}": its Idempotency-Key published version 1 with other contents`,
      },
    });
    expect((await registry.call("GET", versions)).body).toMatchObject({ items: [{ number: 1 }], next: null });
  });

  test("gives a pending file another upload address, and the first one dies", async () => {
    const archive = { type: "archive", file: true };
    const first = (await publish(archive, key)).body as Published;
    const second = (await publish(archive, key)).body as Published;

    expect(second.version).toEqual(first.version);
    expect(await put(first.uploadUrl)).toBe(404);
    expect(await put(second.uploadUrl)).toBe(200);
    expect((await publish(archive, key)).body).toMatchObject({ version: { number: 1 }, uploadUrl: null });
  });
});

describe("a version is refused", () => {
  const big = { a: "x".repeat(metadataLimitBytes) };
  test.each([
    [{}, 400, /body must have required property 'type'/],
    [{ type: "amazon image" }, 400, /body.type must match pattern/],
    [{ type: "a", metadata: { n: 5 } }, 400, /body.metadata.n must be string/],
    [{ type: "a", metadata: null }, 400, /body.metadata must be object/],
    [{ type: "a", file: "true" }, 400, /body.file must be boolean/],
    [{ type: "a", buildNumber: -1 }, 400, /body.buildNumber must be >= 0/],
    [{ type: "a", buildNumber: 1.5 }, 400, /body.buildNumber must be integer/],
    [
      { type: "a", externalId: "x".repeat(65_537) },
      400,
      /body.externalId must NOT have more than 65536 characters/,
    ],
    [{ type: "a", size: 5 }, 400, /additional properties \("size"\)/],
    [{ type: "a", metadata: { a: "\0" } }, 400, /^Cannot read the body: a text in it has a NUL character/],
    [
      { type: "a", metadata: big },
      422,
      /^Cannot publish with 262152 bytes of metadata: at most 262144 are kept/,
    ],
  ])("%#: %i", async (body, status, detail) => {
    expect(await publish(body)).toMatchObject({
      status,
      body: { detail: expect.stringMatching(detail) as string },
    });
    expect((await registry.call("GET", versions)).status).toBe(404);
  });

  test("from those who may not publish", async () => {
    const body = { type: "archive" };
    const reader = await registry.createToken("acmeinc:read");
    const stranger = await registry.createToken("other:admin");

    expect((await registry.call("POST", versions, { body, token: null })).status).toBe(401);
    expect((await registry.call("POST", versions, { body, token: reader })).status).toBe(403);
    expect((await registry.call("POST", versions, { body, token: stranger })).status).toBe(404);
  });
});

describe("the list of versions", () => {
  async function readAll(query: string): Promise<number[][]> {
    const pages: number[][] = [];
    for (let after = ""; ;) {
      const { body } = await registry.call("GET", `${versions}?limit=7${query}${after}`);
      const { items, next } = body as Page;
      pages.push(items.map(({ number }) => number));
      if (next === null) return pages;
      after = `&after=${encodeURIComponent(next)}`;
      // Somebody else publishes between two pages.
      await publish({ type: "amazon.image" });
    }
  }
  const downFrom = (count: number) => Array.from({ length: count }, (_, index) => count - index);

  test("is complete over its pages, newest first, while others publish", async () => {
    await Promise.all(downFrom(30).map(() => publish({ type: "amazon.image" })));

    const pages = await readAll("");

    expect(pages.map((page) => page.length)).toEqual([7, 7, 7, 7, 2]);
    expect(pages.flat()).toEqual(downFrom(30));
  });

  test("counts versions and not builds, and shows each with all its builds", async () => {
    for (let build = 1; build <= 10; build++) {
      await publish({ type: "amazon.image", buildNumber: build });
      await publish({ type: "azure.image", buildNumber: build });
    }

    const page = (await registry.call("GET", `${versions}?limit=5&type=azure.image`)).body as Page;

    expect(page.items.map(({ number }) => number)).toEqual([10, 9, 8, 7, 6]);
    expect(page.items[0]).toMatchObject({ builds: [{ type: "amazon.image" }, { type: "azure.image" }] });
  });

  test("is filtered by type and metadata of one build", async () => {
    await publish({ type: "amazon.image", metadata: { os: "debian", arch: "x86" } });
    await publish({ type: "azure.image", metadata: { os: "debian", arch: "arm" } });
    await publish({ type: "amazon.image", metadata: { os: "debian", note: "a=b, c" }, buildNumber: 5 });
    await publish({ type: "azure.image", metadata: { os: "alpine" }, buildNumber: 5 });
    const found = async (query: string) =>
      ((await registry.call("GET", `${versions}?${query}`)).body as Page).items.map(({ number }) => number);

    expect(await found("type=amazon.ami")).toEqual([3, 1]);
    expect(await found("metadata=os%3Ddebian")).toEqual([3, 2, 1]);
    expect(await found("metadata=os=debian&metadata=arch=arm")).toEqual([2]);
    expect(await found("metadata=os=debian&metadata=os=alpine")).toEqual([]);
    expect(await found("metadata=note=a%3Db%2C+c")).toEqual([3]);
    expect(await found("type=amazon.image&metadata=os=alpine")).toEqual([]);
    expect(await found("type=qemu.image")).toEqual([]);
  });

  test.each([
    ["limit=0", 400, /querystring.limit must be >= 1/],
    ["limit=201", 400, /querystring.limit must be <= 200/],
    ["after=x", 422, /^Cannot read the page after "x": it is no cursor that a page of this list gave$/],
    [`after=${Buffer.from("3000000000").toString("base64url")}`, 422, /^Cannot read the page after/],
    ["metadata=os", 422, /^Cannot filter by metadata "os": expected KEY=VALUE$/],
    ["metadata==x", 422, /^Cannot filter by metadata "=x": expected KEY=VALUE$/],
  ])("refuses %s", async (query, status, detail) => {
    await publish({ type: "archive" });

    expect(await registry.call("GET", `${versions}?${query}`)).toMatchObject({
      status,
      body: { detail: expect.stringMatching(detail) as string },
    });
  });
});
