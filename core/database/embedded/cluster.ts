import { randomBytes } from "node:crypto";
import {
  chown,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { Account } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { childOptions, ownDirectory, runTool } from "./child.ts";
import { ClusterVersionError, InitdbError } from "./errors.ts";

/** `directory` is PostgreSQL's data directory; it appears together with the password, in one rename. */
export interface Cluster {
  directory: string;
  password: string;
}

export interface ClusterOptions {
  dataDir: string;
  binaries: Binaries;
  account: Account | undefined;
  signal?: AbortSignal | undefined;
}

export const superuser = "postgres";

export function clusterPath(dataDir: string): string {
  return join(dataDir, "cluster");
}

/** Opens the cluster of `dataDir`, or makes one. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const path = clusterPath(options.dataDir);
  const found = await stat(path).catch(() => undefined);
  if (found) await checkVersion(options, path);
  else await createCluster(options, path);
  return { directory: join(path, "data"), password: await readFile(join(path, "password"), "utf8") };
}

async function createCluster(
  { dataDir, binaries, account, signal }: ClusterOptions,
  path: string,
): Promise<void> {
  await removeUnfinished(dataDir);
  const staging = await mkdtemp(join(dataDir, "initdb-"));
  const directory = join(staging, "data");
  await mkdir(directory, { mode: 0o700 });
  await writeFile(join(staging, "password"), randomBytes(32).toString("hex"), { mode: 0o600, flush: true });
  if (account) await giveTo(account, [staging, directory, join(staging, "password")]);
  const options = { ...childOptions(directory, account), ...(signal && { signal }) };
  const result = await runTool(binaries.initdb, initdbArguments(ownDirectory(directory, account)), options);
  signal?.throwIfAborted();
  if (!result.ok) throw new InitdbError(dataDir, result.output);
  await rename(staging, path);
  await syncDirectory(dataDir);
}

function initdbArguments(directory: string): string[] {
  return [
    `--pgdata=${directory}`,
    `--username=${superuser}`,
    "--pwfile=../password",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
  ];
}

/** What a killed start left behind. */
async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (name.startsWith("initdb-")) await rm(join(dataDir, name), { recursive: true, maxRetries: 5 });
  }
}

async function giveTo({ uid, gid }: Account, paths: readonly string[]): Promise<void> {
  for (const path of paths) await chown(path, uid, gid);
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path);
  await directory.sync();
}

async function checkVersion({ dataDir, binaries, account }: ClusterOptions, path: string): Promise<void> {
  const cluster = (await readFile(join(path, "data/PG_VERSION"), "utf8")).trim();
  const { output } = await runTool(binaries.postgres, ["--version"], childOptions("/", account));
  const version = /\d+/.exec(output)?.[0];
  if (version !== cluster) throw new ClusterVersionError(dataDir, cluster, output);
}
