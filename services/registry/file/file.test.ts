import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { request } from "node:http";
import process from "node:process";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDirectoryBlobStore } from "#core/blob/directory.ts";
import type { BlobStore } from "#core/blob/blob-store.ts";
import { startTestRegistry, type TestRegistry } from "../testing/given.ts";

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startTestRegistry();
});
afterAll(() => registry[Symbol.asyncDispose]());

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

let names = 0;
/** An artifact of its own whose version 1 waits for its file. */
async function givenUpload(on = registry) {
  const name = `app-${++names}`;
  const route = `acmeinc/${name}/archive`;
  const { upload_path } = await on.publish(route, { id: "", file: true, metadata: { os: "debian" } });
  const url = `/api/v1/artifacts/${route}`;
  return { name, route, url, upload: upload_path, put: (body: string) => put(upload_path, body) };
}

async function put(url: string, body: string | ReadableStream, headers: Record<string, string> = {}) {
  const reply = await fetch(url, { method: "PUT", body, headers, duplex: "half" });
  return { status: reply.status, body: await reply.json() };
}

async function storedFiles(on = registry): Promise<number> {
  const entries = await readdir(on.blobDirectory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}

describe("an upload", () => {
  test("makes the version visible, and announces it once", async () => {
    const { name, url, put } = await givenUpload();
    const find = async () => (await registry.call("GET", `${url}/search?version=latest`)).body;
    expect(await find()).toEqual({ versions: [] });

    expect(await put("the bytes")).toEqual({
      status: 200,
      body: { sizeBytes: 9, sha256: sha256("the bytes") },
    });

    expect(await find()).toMatchObject({ versions: [{ version: 1, file: true }] });
    const announced = (await registry.outbox()).filter(({ subject }) => subject === `acmeinc/${name}`);
    expect(announced).toMatchObject([
      {
        type: "artifact.version.published",
        data: {
          artifact: `acmeinc/${name}`,
          version: 1,
          type: "archive",
          metadata: { os: "debian" },
          publishedBy: "admin",
          publishedAt: expect.stringMatching(/Z$/) as string,
          file: { sizeBytes: "9", sha256: sha256("the bytes") },
        },
      },
    ]);
  });

  test("may be chunked, empty, or of any type of content", async () => {
    const chunked = await givenUpload();
    const stream = Readable.toWeb(Readable.from([Buffer.from("one "), Buffer.from("two")]));
    expect(await put(chunked.upload, stream)).toMatchObject({
      status: 200,
      body: { sizeBytes: 7 },
    });

    const empty = await givenUpload();
    expect(await empty.put("")).toEqual({ status: 200, body: { sizeBytes: 0, sha256: sha256("") } });

    for (const type of ["application/json", "application/x-www-form-urlencoded", "text/plain", "image/png"]) {
      const typed = await givenUpload();
      expect(await put(typed.upload, "{", { "content-type": type })).toMatchObject({
        status: 200,
        body: { sizeBytes: 1 },
      });
    }
  });

  test("with another secret is 404", async () => {
    const { upload } = await givenUpload();

    for (const secret of ["unknown", sha256("x"), upload.split("/").at(-1)?.toUpperCase()]) {
      expect(await put(`${registry.url}/api/v1/uploads/${secret}`, "x")).toMatchObject({
        status: 404,
        body: { errors: ["Cannot store the file: nothing is waiting for an upload at this address"] },
      });
    }
  });

  test("that comes again is 409 and changes nothing", async () => {
    const { name, url, put } = await givenUpload();
    await put("first");

    expect(await put("second")).toMatchObject({
      status: 409,
      body: { errors: [`Cannot store the file of "acmeinc/${name}:1" (archive): it has arrived already`] },
    });
    expect((await registry.call("GET", `${url}/1/file`)).body).toBe("first");
  });

  test("of two at once wins alone, and nothing of the other is left", async () => {
    const before = await storedFiles();
    const { name, url, put } = await givenUpload();
    const bodies = ["a", "b", "c", "d"].map((letter) => letter.repeat(3_000_000));

    const replies = await Promise.all(bodies.map((body) => put(body)));

    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409, 409]);
    const winner = bodies[replies.findIndex(({ status }) => status === 200)] ?? "";
    expect((await registry.call("GET", `${url}/1/file`)).headers.get("etag")).toBe(`"${sha256(winner)}"`);
    expect(await storedFiles()).toBe(before + 1);
    expect((await registry.outbox()).filter(({ subject }) => subject === `acmeinc/${name}`)).toHaveLength(1);
  });

  test("that breaks off leaves nothing, and can be repeated", async () => {
    const before = await storedFiles();
    const { url, upload, put } = await givenUpload();
    const half = request(upload, { method: "PUT", headers: { "content-length": 2_000_000 } });
    half.on("error", () => undefined);
    half.write(Buffer.alloc(1_000_000));
    await expect.poll(() => storedFiles()).toBe(before + 1);
    half.destroy();
    await expect.poll(() => storedFiles()).toBe(before);

    expect((await registry.call("GET", `${url}/1/file`)).status).toBe(404);
    expect(await put("whole")).toMatchObject({ status: 200 });
    expect((await registry.call("GET", `${url}/1/file`)).body).toBe("whole");
  });

  test("that the store refuses is told to Packer, leaves nothing, and can be repeated", async () => {
    let full = true;
    let real: BlobStore | undefined;
    const blobs: BlobStore = {
      async put(key, bytes) {
        real ??= await openDirectoryBlobStore(broken.blobDirectory);
        if (full) throw new Error("ENOSPC: no space left on device");
        return real.put(key, bytes);
      },
      get: (key, range) => real!.get(key, range),
      delete: (key) => real!.delete(key),
    };
    await using broken = await startTestRegistry({ blobs });
    const { url, put } = await givenUpload(broken);

    expect(await put("bytes")).toMatchObject({
      status: 422,
      body: { errors: [expect.stringMatching(/request id \S+$/)] },
    });
    full = false;
    expect(await put("bytes")).toMatchObject({ status: 200 });
    expect((await broken.call("GET", `${url}/file`)).body).toBe("bytes");
  });

  test("whose connection to the database ends at its commit arrives all the same, once", async () => {
    const { name, url, put } = await givenUpload();
    const { pool } = registry.database;
    const blocker = await pool.connect();
    await blocker.query("begin");
    await blocker.query(
      "select from build b join artifact a on a.id = b.artifact_id where a.name = $1 for update of b",
      [name],
    );
    const putting = put("bytes");
    const kill = async () =>
      (
        await pool.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        )
      ).rowCount;
    await expect.poll(kill).toBe(1);
    await blocker.query("commit");
    blocker.release();

    expect(await putting).toMatchObject({ status: 200 });
    expect((await registry.call("GET", `${url}/1/file`)).body).toBe("bytes");
    expect((await registry.outbox()).filter(({ subject }) => subject === `acmeinc/${name}`)).toHaveLength(1);
  });

  test("of 200 MB, and its download, take little memory", async () => {
    const { url, upload } = await givenUpload();
    const sizeBytes = 200 * 1024 * 1024;
    const chunk = randomBytes(256 * 1024);
    const hash = createHash("sha256");
    function* chunks() {
      for (let sent = 0; sent < sizeBytes; sent += chunk.length) {
        hash.update(chunk);
        yield chunk;
      }
    }
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 10);

    const sending = request(upload, { method: "PUT", headers: { "content-length": sizeBytes } });
    Readable.from(chunks()).pipe(sending);
    const [reply] = (await once(sending, "response")) as [Readable];
    const stored = JSON.parse(await text(reply)) as unknown;
    const downloaded = createHash("sha256");
    const download = await fetch(`${registry.url}${url}/1/file`, {
      headers: { "x-atlas-token": registry.token },
    });
    for await (const bytes of download.body ?? []) downloaded.update(bytes);
    clearInterval(watch);

    const expected = hash.digest("hex");
    expect(stored).toEqual({ sizeBytes, sha256: expected });
    expect(downloaded.digest("hex")).toBe(expected);
    // Client and server are in this process.
    expect((most - before) / 1024 / 1024).toBeLessThan(120);
  });
});

describe("a download", () => {
  const digits = "0123456789";
  let url: string;
  beforeAll(async () => {
    const given = await givenUpload();
    url = given.url;
    await given.put(digits);
    const second = await registry.publish(given.route, { file: true });
    await put(second.upload_path, "second");
    await registry.publish(given.route, { file: true });
    await registry.publish(given.route, { file: false });
  });
  const get = (path: string, headers: Record<string, string> = {}) =>
    registry.call("GET", `${url}${path}`, { headers });

  test.each([
    ["/1/file", 200, digits],
    ["/2/file", 200, "second"],
    ["/latest/file", 200, "second"],
    ["/file", 200, "second"],
    ["/3/file", 404, undefined],
    ["/4/file", 404, undefined],
    ["/99/file", 404, undefined],
    ["/0/file", 404, undefined],
    ["/newest/file", 422, undefined],
    ["/1.5/file", 422, undefined],
  ])("of %s is %i", async (path, status, body) => {
    expect(await get(path)).toMatchObject({ status, ...(body !== undefined && { body }) });
  });

  test("takes the token as header, as parameter and as Basic password, and nothing without one", async () => {
    const path = `${url}/1/file`;
    const basic = Buffer.from(`anybody:${registry.token}`).toString("base64");
    const stranger = await registry.createToken("other:admin");
    const status = async (query: string, headers: Record<string, string>) =>
      (await registry.call("GET", `${path}${query}`, { token: null, headers })).status;

    expect(await status("", { "x-atlas-token": registry.token })).toBe(200);
    expect(await status(`?access_token=${registry.token}`, {})).toBe(200);
    expect(await status("", { authorization: `Basic ${basic}` })).toBe(200);
    expect(await status("", {})).toBe(401);
    expect(await status("?access_token=wrong", {})).toBe(401);
    expect(await status("", { "x-atlas-token": stranger })).toBe(404);
  });

  test.each([
    ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
    ["bytes=8-", 206, "89", "bytes 8-9/10"],
    ["bytes=8-100", 206, "89", "bytes 8-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-100", 206, digits, "bytes 0-9/10"],
    ["bytes=9-9", 206, "9", "bytes 9-9/10"],
    ["bytes=10-", 416, "", "bytes */10"],
    ["bytes=-0", 416, "", "bytes */10"],
    ["bytes=5-3", 416, "", "bytes */10"],
    ["bytes=99999999999999999999-", 416, "", "bytes */10"],
    ["bytes=0-1,3-4", 200, digits, null],
    ["bytes=-", 200, digits, null],
    ["lines=1-2", 200, digits, null],
  ])("of the range %s is %i %j", async (range, status, body, contentRange) => {
    const reply = await get("/1/file", { range });

    expect({ status: reply.status, body: reply.body, range: reply.headers.get("content-range") }).toEqual({
      status,
      body,
      range: contentRange,
    });
  });

  test("of a range of another state of the file is whole", async () => {
    const etag = `"${sha256(digits)}"`;

    expect(await get("/1/file", { range: "bytes=0-1", "if-range": etag })).toMatchObject({
      status: 206,
      body: "01",
    });
    expect(await get("/1/file", { range: "bytes=0-1", "if-range": '"other"' })).toMatchObject({
      status: 200,
      body: digits,
    });
  });

  test("has a tag, a length and a name", async () => {
    const { headers } = await get("/1/file");

    expect(Object.fromEntries(headers)).toMatchObject({
      etag: `"${sha256(digits)}"`,
      "content-length": "10",
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      "content-disposition": `attachment; filename="${url.split("/")[5]}-1"`,
    });
  });

  test("of what the caller has is 304", async () => {
    const etag = `"${sha256(digits)}"`;

    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      expect(await get("/1/file", { "if-none-match": known })).toMatchObject({ status: 304, body: "" });
    }
    expect(await get("/1/file", { "if-none-match": '"x"' })).toMatchObject({ status: 200 });
  });

  test("by HEAD has the headers alone, of the whole file", async () => {
    const reply = await registry.call("HEAD", `${url}/1/file`, { headers: { range: "bytes=0-1" } });

    expect([reply.status, reply.headers.get("content-length"), reply.body]).toEqual([200, "10", ""]);
    expect((await registry.call("HEAD", `${url}/99/file`)).status).toBe(404);
  });

  test("of an empty file is empty", async () => {
    const empty = await givenUpload();
    await empty.put("");

    const reply = await registry.call("GET", `${empty.url}/file`);

    expect([reply.status, reply.headers.get("content-length"), reply.body]).toEqual([200, "0", ""]);
    expect((await registry.call("GET", `${empty.url}/file`, { headers: { range: "bytes=0-" } })).status).toBe(
      416,
    );
  });

  test("whose bytes are lost is a failure of ours, whole and without the headers of the file", async () => {
    const lost = await givenUpload();
    await lost.put("bytes");
    const { pool } = registry.database;
    await pool.query(
      "update build set file_key = 'files/lost' where file_sha256 = $1 and external_id = '' and artifact_id = (select id from artifact where name = $2)",
      [sha256("bytes"), lost.name],
    );

    const reply = await registry.call("GET", `${lost.url}/1/file`);

    expect(reply).toMatchObject({ status: 500, body: { errors: [expect.stringMatching(/request id/)] } });
    expect(reply.headers.get("etag")).toBeNull();
  });
});
