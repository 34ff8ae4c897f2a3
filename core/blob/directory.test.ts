import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { BlobMissingError } from "./blob-store.ts";
import { BlobKeyInvalidError, openDirectoryBlobStore } from "./directory.ts";

async function givenStore() {
  const directory = await mkdtemp(path.join(tmpdir(), "ingot-blobs-"));
  const blobs = await openDirectoryBlobStore(directory);
  return {
    blobs,
    directory,
    files: async () =>
      (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

const bytesOf = (value: string) => Readable.from([Buffer.from(value)]);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("a blob comes back as it went in, with its size and SHA-256", async () => {
  await using store = await givenStore();
  const bytes = randomBytes(3_500_000);
  const chunks = Array.from({ length: 350 }, (_, index) =>
    bytes.subarray(index * 10_000, (index + 1) * 10_000),
  );

  const info = await store.blobs.put("files/a/1", Readable.from(chunks));

  expect(info).toEqual({ sizeBytes: bytes.length, sha256: sha256(bytes) });
  expect(sha256(await buffer(await store.blobs.get("files/a/1")))).toBe(info.sha256);
});

test("an empty blob is a blob", async () => {
  await using store = await givenStore();

  const info = await store.blobs.put("empty", Readable.from([]));

  expect(info).toEqual({ sizeBytes: 0, sha256: sha256(Buffer.alloc(0)) });
  expect(await text(await store.blobs.get("empty"))).toBe("");
});

test.each([
  [{ start: 0, end: 0 }, "0"],
  [{ start: 3, end: 5 }, "345"],
  [{ start: 9, end: 9 }, "9"],
  [{ start: 0, end: 9 }, "0123456789"],
])("the range %j of a blob is %j", async (range, expected) => {
  await using store = await givenStore();
  await store.blobs.put("digits", bytesOf("0123456789"));

  expect(await text(await store.blobs.get("digits", range))).toBe(expected);
});

test("a stream that fails leaves nothing, not even when the key was there", async () => {
  await using store = await givenStore();
  await store.blobs.put("there", bytesOf("before"));
  const failing = () =>
    Readable.from(
      (async function* () {
        yield randomBytes(2_000_000);
        throw new Error("the connection broke");
      })(),
    );

  await expect(store.blobs.put("there", failing())).rejects.toThrow("the connection broke");
  await expect(store.blobs.put("new", failing())).rejects.toThrow("the connection broke");

  expect(await text(await store.blobs.get("there"))).toBe("before");
  await expect(store.blobs.get("new")).rejects.toThrow(BlobMissingError);
  expect((await store.files()).map(({ name }) => name)).toEqual(["there"]);
});

test("a blob is not there before its last byte", async () => {
  await using store = await givenStore();
  const bytes = new Readable({ read: () => undefined });
  const put = store.blobs.put("slow", bytes);
  bytes.push(Buffer.alloc(2_000_000));

  await expect(store.blobs.get("slow")).rejects.toThrow(
    'Cannot read the blob "slow": it is not in the store',
  );

  bytes.push(null);
  await put;
  expect(await buffer(await store.blobs.get("slow"))).toHaveLength(2_000_000);
});

test("of many puts of one key each is whole, and one of them stays", async () => {
  await using store = await givenStore();
  const bodies = Array.from({ length: 20 }, (_, index) => Buffer.alloc(1_500_000, index));

  const infos = await Promise.all(bodies.map((body) => store.blobs.put("same/key", Readable.from([body]))));

  expect(infos.map((info) => info.sha256)).toEqual(bodies.map(sha256));
  expect(infos.map((info) => info.sha256)).toContain(sha256(await buffer(await store.blobs.get("same/key"))));
  expect(await store.files()).toHaveLength(1);
});

test("a deleted blob is gone, and deleting it again is nothing", async () => {
  await using store = await givenStore();
  await store.blobs.put("files/1", bytesOf("x"));

  await store.blobs.delete("files/1");
  await store.blobs.delete("files/1");

  await expect(store.blobs.get("files/1")).rejects.toThrow(BlobMissingError);
});

test.each([
  "",
  "/",
  "a//b",
  "../a",
  "a/../b",
  "a/.b",
  "/etc/passwd",
  "a\\b",
  "a b",
  "a\0",
  "é",
  "tmp/a",
  "tmp",
])("the key %j is refused", async (key) => {
  await using store = await givenStore();

  await expect(store.blobs.put(key, bytesOf("x"))).rejects.toThrow(BlobKeyInvalidError);
  await expect(async () => store.blobs.get(key)).rejects.toThrow(`Cannot use the blob key "${key}"`);
  expect(await store.files()).toEqual([]);
});

test("opening the directory again leaves what another process is writing", async () => {
  await using store = await givenStore();
  const bytes = new Readable({ read: () => undefined });
  const put = store.blobs.put("files/1", bytes);
  bytes.push("first ");

  await openDirectoryBlobStore(store.directory);
  bytes.push("second");
  bytes.push(null);
  await put;

  expect(await text(await store.blobs.get("files/1"))).toBe("first second");
});

test("opening the directory removes what nobody has written to for a day", async () => {
  await using store = await givenStore();
  const temporary = path.join(store.directory, "tmp");
  await mkdir(temporary, { recursive: true });
  const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
  for (const [name, hours] of [
    ["stale", 25],
    ["fresh", 23],
  ] as const) {
    await writeFile(path.join(temporary, name), "x");
    await utimes(path.join(temporary, name), hoursAgo(hours), hoursAgo(hours));
  }

  await openDirectoryBlobStore(store.directory);

  expect(await readdir(temporary)).toEqual(["fresh"]);
});

test("nobody else may read the blobs", async () => {
  await using store = await givenStore();
  await store.blobs.put("files/a/1", bytesOf("x"));

  const modes = await Promise.all(
    ["files", "files/a", "files/a/1"].map(
      async (name) => (await stat(path.join(store.directory, name))).mode & 0o777,
    ),
  );

  expect(modes).toEqual([0o700, 0o700, 0o600]);
});
