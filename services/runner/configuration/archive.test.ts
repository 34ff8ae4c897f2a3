import { randomBytes } from "node:crypto";
import { mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ArchiveTooLargeError, MalformedArchiveError, UnsafeArchiveError } from "./archive-errors.ts";
import { givenArchive, givenDirectory, givenTar, readTree, type Item } from "./archive-test-support.ts";
import { extractArchive, type ArchiveLimits, type Extracted } from "./archive.ts";

const main = { name: "main.tf", content: "# main" };

async function extracting(
  items: Item[],
  directory: string,
  limits?: Partial<ArchiveLimits>,
): Promise<Extracted> {
  return extractArchive(await givenArchive(items), directory, limits);
}

test("files and folders are extracted, with plain modes", async () => {
  await using target = await givenDirectory();
  const items = [
    { name: "./", type: "directory" as const },
    { ...main, mode: 0o4600 },
    { name: "./scripts/", type: "directory" as const, mode: 0o777 },
    { name: "./scripts/run.sh", content: "echo", mode: 0o6711 },
    { name: `modules/${"long-name/".repeat(15)}é.tf`, content: "deep" },
  ];

  const extracted = await extracting(items, target.path);

  expect(extracted).toEqual({ files: 3, bytes: 14 });
  expect(await readTree(target.path)).toEqual({
    "main.tf": "# main",
    "scripts/run.sh": "echo",
    [`modules/${"long-name/".repeat(15)}é.tf`]: "deep",
  });
  const modeOf = async (name: string): Promise<number> => (await stat(join(target.path, name))).mode & 0o7777;
  expect([await modeOf("main.tf"), await modeOf("scripts/run.sh")]).toEqual([0o644, 0o755]);
});

test("what belongs to a working copy is left out, even if it is a link", async () => {
  await using target = await givenDirectory();
  const items = [
    main,
    { name: ".terraform.lock.hcl", content: "lock" },
    { name: ".terraform/providers/x", type: "symlink" as const, linkname: "/cache" },
    { name: "modules/a/.terraform/modules.json", content: "{}" },
    { name: "terraform.tfstate", content: "secret" },
    { name: "terraform.tfstate.backup", content: "secret" },
    { name: "terraform.tfstate.d/x/terraform.tfstate", content: "secret" },
  ];

  await extracting(items, target.path);

  expect(Object.keys(await readTree(target.path)).sort()).toEqual([".terraform.lock.hcl", "main.tf"]);
});

test("the last of several entries with one name wins", async () => {
  await using target = await givenDirectory();

  const extracted = await extracting([main, { name: "./main.tf", content: "second" }], target.path);

  expect(extracted).toEqual({ files: 1, bytes: 6 });
  expect(await readTree(target.path)).toEqual({ "main.tf": "second" });
});

test.each<[string, Item]>([
  ["an absolute path", { name: "/etc/passwd" }],
  ["a way up", { name: "../outside" }],
  ["a hidden way up", { name: "a/./../../outside" }],
  ["a way up in .terraform", { name: ".terraform/../../outside" }],
  ["a symbolic link", { name: "a", type: "symlink", linkname: "b" }],
  ["a hard link", { name: "a", type: "link", linkname: "main.tf" }],
  ["a device", { name: "a", type: "character-device" }],
  ["a block device", { name: "a", type: "block-device" }],
  ["a pipe", { name: "a", type: "fifo" }],
  ["a NUL character", { name: "a", pax: { path: "a\0b" } }],
  ["a file without a name", { name: "./." }],
  ["too long a path", { name: "a/".repeat(600) + "b" }],
  ["too long a name", { name: "b".repeat(256) }],
  ["too deep a path", { name: "a/".repeat(70) + "b" }],
  ["a file that is also a folder", { name: "main.tf/x" }],
])("%s is refused", async (_title, item) => {
  await using target = await givenDirectory();

  const extraction = extracting([main, { content: "", ...item }], target.path);

  await expect(extraction).rejects.toThrow(UnsafeArchiveError);
  await expect(extraction).rejects.toMatchObject({
    entry: expect.any(String) as string,
    rule: expect.any(String) as string,
  });
});

test("a folder that is also a file is refused", async () => {
  await using target = await givenDirectory();

  const extraction = extracting([{ name: "a/b" }, { name: "a", content: "x" }], target.path);

  await expect(extraction).rejects.toThrow('Cannot extract "a": it is a folder and a file');
});

test("nothing is written through links that are there already", async () => {
  await using outside = await givenDirectory();
  await using target = await givenDirectory();
  await symlink(outside.path, join(target.path, "folder"));
  await symlink(join(outside.path, "file"), join(target.path, "file"));

  await expect(extracting([{ name: "folder/a", content: "x" }], target.path)).rejects.toThrow(
    UnsafeArchiveError,
  );
  await expect(extracting([{ name: "file", content: "x" }], target.path)).rejects.toThrow("EEXIST");

  expect(await readTree(outside.path)).toEqual({});
});

test("whatever the names are, nothing is written outside", async () => {
  const segment = fc.constantFrom("..", ".", "", "a", "b", "...", "..a", "a\0", "\\..\\", "~", "é");
  const name = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => segments.join("/"));
  await fc.assert(
    fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 5 }), async (names) => {
      await using parent = await givenDirectory();
      const target = join(parent.path, "target");
      await mkdir(target);
      const items = names.map((path) => ({ name: path, pax: { path }, content: "x" }));

      await extracting(items, target).catch((error: unknown) => {
        if (!(error instanceof UnsafeArchiveError)) throw error;
      });

      expect(await readdir(parent.path)).toEqual([basename(target)]);
    }),
    { numRuns: 60 },
  );
});

test("limits hold for entries, bytes and what is hidden in the compression", async () => {
  await using target = await givenDirectory();
  const bomb = Readable.from([gzipSync(Buffer.alloc(20_000_000))]);

  await expect(extracting([main, { name: "b" }], target.path, { maxEntries: 1 })).rejects.toThrow(
    "Cannot extract the archive: it has more than 1 entries",
  );
  await expect(extracting([main], target.path, { maxBytes: 1024 })).rejects.toThrow(ArchiveTooLargeError);
  await expect(extractArchive(bomb, target.path, { maxBytes: 1_000_000 })).rejects.toThrow(
    ArchiveTooLargeError,
  );
});

const tar = await givenTar([main, { name: "random", content: randomBytes(3000).toString("hex") }]);
const gzip = gzipSync(tar);

test.each<[string, Buffer]>([
  ["nothing", Buffer.alloc(0)],
  ["text", Buffer.from("not an archive")],
  ["a tar that is not compressed", tar],
  ["compressed text", gzipSync("not a tar".repeat(200))],
  ["a tar without files", gzipSync(Buffer.alloc(1024))],
  ["a gzip that is cut off", gzip.subarray(0, gzip.length - 400)],
  ["a tar that is cut off", gzipSync(tar.subarray(0, 2000))],
  ["a gzip with more behind it", Buffer.concat([gzip, Buffer.from("garbage")])],
  ["a tar with more behind it", gzipSync(Buffer.concat([tar, randomBytes(512)]))],
  ["a tar with part of a block behind it", gzipSync(Buffer.concat([tar, Buffer.from("x")]))],
])("%s is no archive", async (_title, bytes) => {
  await using target = await givenDirectory();

  await expect(extractArchive(Readable.from([bytes]), target.path)).rejects.toThrow(MalformedArchiveError);
});

test("an upload that breaks off keeps its own error", async () => {
  await using target = await givenDirectory();
  const gzip = gzipSync(await givenTar([main]));
  const upload = Readable.from(
    (async function* () {
      yield gzip.subarray(0, 50);
      throw new Error("connection reset");
    })(),
  );

  await expect(extractArchive(upload, target.path)).rejects.toThrow("connection reset");
});

test("a file is written in many chunks", async () => {
  await using target = await givenDirectory();
  const content = randomBytes(500_000).toString("hex");

  await extracting([{ name: "big", content }, main], target.path);

  expect(await readTree(target.path)).toEqual({ big: content, "main.tf": "# main" });
});

test("existing files of the directory stay", async () => {
  await using target = await givenDirectory();
  await writeFile(join(target.path, "other"), "kept");

  await extracting([main], target.path);

  expect(await readTree(target.path)).toEqual({ "main.tf": "# main", other: "kept" });
});
