import { execFile } from "node:child_process";
import { mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { NoConfigurationError, UnpackableFileError } from "./archive-errors.ts";
import { packDirectory } from "./archive-pack.ts";
import { givenDirectory, readTree } from "./archive-test-support.ts";
import { extractArchive } from "./archive.ts";

async function write(directory: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
}

async function packedFiles(directory: string): Promise<Record<string, string>> {
  await using target = await givenDirectory();
  await extractArchive(packDirectory(directory), target.path);
  return readTree(target.path);
}

test("a packed configuration is the one that is extracted", async () => {
  await using source = await givenDirectory();
  const files = {
    "main.tf": "# é",
    "modules/a/x.tf": "",
    ".terraform.lock.hcl": "lock",
    "big.bin": "x".repeat(300_000),
  };
  await write(source.path, files);

  expect(await packedFiles(source.path)).toEqual(files);
});

test("other programs can read it", async () => {
  await using source = await givenDirectory();
  await using target = await givenDirectory();
  await write(source.path, { "main.tf": "", [`${"folder/".repeat(20)}é.tf`]: "deep" });
  const archive = join(target.path, "a.tar.gz");
  await writeFile(archive, packDirectory(source.path));

  const { stdout } = await promisify(execFile)("tar", ["tzf", archive], {
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });

  expect(stdout.trim().split("\n")).toEqual([expect.stringMatching(/^folder.*\.tf$/), "main.tf"]);
});

test("working data, plans, states and repositories are left out", async () => {
  await using source = await givenDirectory();
  await write(source.path, {
    "main.tf.json": "{}",
    ".terraform/x": "",
    "a/.terraform/y": "",
    ".git/config": "",
    "terraform.tfstate": "",
    "terraform.tfstate.backup": "",
    "a/b.tfplan": "",
    "a/kept": "",
  });

  expect(Object.keys(await packedFiles(source.path)).sort()).toEqual(["a/kept", "main.tf.json"]);
});

test("a .terraformignore is followed", async () => {
  await using source = await givenDirectory();
  await write(source.path, {
    ".terraformignore":
      "# comment\n\n*.log\n/only-here\nnode_modules/\ndocs/**/*.md\nimages\n!images/keep.png\n",
    "main.tf": "",
    "a.log": "",
    "x/b.log": "",
    "only-here": "",
    "x/only-here": "",
    "x/node_modules/y/z": "",
    "docs/a/b.md": "",
    "docs/c.md": "",
    "docs/c.txt": "",
    "images/drop.png": "",
    "images/keep.png": "",
  });

  expect(Object.keys(await packedFiles(source.path)).sort()).toEqual([
    ".terraformignore",
    "docs/c.txt",
    "images/keep.png",
    "main.tf",
    "x/only-here",
  ]);
});

test("the same files make the same bytes", async () => {
  await using one = await givenDirectory();
  await using two = await givenDirectory();
  await write(one.path, { "main.tf": "a", "b/c.tf": "c", "b.tf": "b" });
  await write(two.path, { "b.tf": "b", "b/c.tf": "c", "main.tf": "a" });
  await utimes(join(two.path, "main.tf"), 1, 1);

  expect(await buffer(packDirectory(one.path))).toEqual(await buffer(packDirectory(two.path)));
});

test("links inside the directory are followed", async () => {
  await using source = await givenDirectory();
  await write(source.path, { "main.tf": "", "shared/a.tf": "shared" });
  await symlink("shared", join(source.path, "linked"));
  await symlink("shared/a.tf", join(source.path, "a.tf"));

  expect(await packedFiles(source.path)).toEqual({
    "main.tf": "",
    "shared/a.tf": "shared",
    "linked/a.tf": "shared",
    "a.tf": "shared",
  });
});

test.each([
  ["out of it", "/etc/hostname", "the link leads out of the directory"],
  ["to nothing", "missing", "the link cannot be followed"],
  ["to a folder above", "..", "the link leads back to a folder above it"],
])("a link %s is refused, unless it is ignored", async (_title, to, rule) => {
  await using source = await givenDirectory();
  await write(source.path, { "main.tf": "", "x/y": "" });
  await symlink(to, join(source.path, "x", "link"));

  const packing = buffer(packDirectory(source.path));

  await expect(packing).rejects.toThrow(UnpackableFileError);
  await expect(packing).rejects.toThrow(`Cannot pack "x/link": ${rule}`);
  await write(source.path, { ".terraformignore": "x/link" });
  expect(Object.keys(await packedFiles(source.path)).sort()).toEqual([".terraformignore", "main.tf", "x/y"]);
});

test("a directory without a configuration is refused", async () => {
  await using source = await givenDirectory();
  await write(source.path, { "readme.md": "", "modules/a/main.tf": "" });

  const packing = buffer(packDirectory(source.path));

  await expect(packing).rejects.toThrow(NoConfigurationError);
  await expect(packing).rejects.toThrow(`No Terraform configuration in "${source.path}"`);
});

test("a reader that goes away ends the packing", async () => {
  await using source = await givenDirectory();
  await write(source.path, { "main.tf": "", "big.bin": "x".repeat(3_000_000) });

  const archive = packDirectory(source.path);
  archive.destroy();

  await new Promise((resolve) => archive.once("close", resolve));
  expect(archive.destroyed).toBe(true);
});
