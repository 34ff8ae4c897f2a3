import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { codeOf, messageOf } from "../../errors.ts";
import type { Account } from "./account.ts";
import { childOptions, runTool } from "./child.ts";

/**
 * Copies the relocatable tree `native` to `copy` (PARENT/NAME/native), whole or not at all, unless it is there.
 * Answers why it cannot.
 */
export async function copyBinaries(
  native: string,
  copy: string,
  account: Account | undefined,
): Promise<string | undefined> {
  const parent = dirname(dirname(copy));
  try {
    if (await exists(copy)) return undefined;
    await mkdir(parent, { recursive: true, mode: 0o755 });
    if (!(await mayEnter(parent, account)))
      return `${account?.name ?? "this user"} may not enter "${parent}"`;
    await copyTree(native, parent, dirname(copy));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** The links that npm packages cannot carry and the package's install script makes. */
export async function linkLibraries(native: string): Promise<void> {
  const text = await readFile(join(native, "pg-symlinks.json"), "utf8");
  const links = JSON.parse(text) as { source: string; target: string }[];
  for (const { source, target } of links) {
    await symlink(basename(source), join(native, "..", target)).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
  }
}

async function copyTree(native: string, parent: string, target: string): Promise<void> {
  const staging = await mkdtemp(join(parent, "copy-"));
  try {
    await cp(native, join(staging, "native"), { recursive: true, verbatimSymlinks: true, filter: isNeeded });
    await linkLibraries(join(staging, "native"));
    await makeReadable(staging);
    await rename(staging, target);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // Another start was faster.
    if (codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "EEXIST") throw error;
  }
}

/** All but the archives for linking. */
function isNeeded(path: string): boolean {
  return !path.endsWith(".a");
}

async function makeReadable(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const executable = entry.isDirectory() || basename(entry.parentPath) === "bin";
    if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), executable ? 0o755 : 0o644);
  }
}

async function mayEnter(directory: string, account: Account | undefined): Promise<boolean> {
  const { ok } = await runTool("/bin/sh", ["-c", 'test -x "$0"', directory], childOptions("/", account));
  return ok;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
