import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { Authenticator } from "#core/access.ts";
import type { BlobStore } from "#core/blob/blob-store.ts";
import { openDirectoryBlobStore } from "#core/blob/directory.ts";
import type { Bus } from "#core/bus/bus.ts";
import { openEmbeddedBus } from "#core/bus/embedded.ts";
import { systemClock } from "#core/clock.ts";
import { startEmbeddedPostgres } from "#core/database/embedded/start.ts";
import { openDatabase } from "#core/database/database.ts";
import { requireDatabase } from "#core/database/require.ts";
import { messageOf, UnavailableError } from "#core/errors.ts";
import type { ListenAddress } from "#core/settings.ts";
import { lockDirectory } from "#core/directory-lock.ts";
import { createHttpApp, type HttpApp } from "#core/http/app.ts";
import { useAuthenticator } from "#core/http/credentials.ts";
import { mountHealth, type Health } from "#core/http/health.ts";
import { mountOpenApi } from "#core/http/openapi.ts";
import type { Log } from "#core/log.ts";
import { createSecretBox } from "#core/secret-box.ts";
import { startRegistry } from "#registry/registry.ts";
import { startRunner } from "#runner/runner.ts";
import { startTrigger } from "#trigger/trigger.ts";
import type { Config } from "./config.ts";
import { openApiInfo } from "./openapi-info.ts";
import { readOrCreateSecretKey } from "./secret-key.ts";

export const serviceNames = ["registry", "trigger", "runner"] as const;
export type ServiceName = (typeof serviceNames)[number];

export interface SystemOptions {
  log: Log;
  services: readonly ServiceName[];
  /** In the place of the directory in INGOT_DATA_DIR. */
  blobs?: BlobStore;
}

export interface System extends AsyncDisposable {
  /** Where it listens: http://127.0.0.1:7373 */
  readonly url: string;
  /** The admin token, on the first start alone; it is in INGOT_DATA_DIR/admin-token too. */
  readonly firstToken: string | undefined;
  readonly app: HttpApp;
  /** Rejects when something that cannot be replaced has ended, such as the database server. */
  readonly broken: Promise<never>;
}

/** Starts the named services in this process, on the database and the bus that the configuration names. */
export async function startSystem(config: Config, { log, services, blobs }: SystemOptions): Promise<System> {
  await using resources = new AsyncDisposableStack();
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  resources.use(await lockDirectory(config.dataDir, "Ingot"));
  const server = await openDatabaseServer(config, log);
  if (server.resource) resources.use(server.resource);
  const databaseUrl = server.url;
  const bus = resources.use(await openEmbeddedBus({ databaseUrl, log }));
  const app = createHttpApp({ log, aliases: { "/api/v1/api/v1/": "/api/v1/" } });
  const authenticators: Authenticator[] = [];
  useAuthenticator(app, firstOf(authenticators));
  await mountOpenApi(app, openApiInfo);
  const health = mountHealth(app);
  resources.use(checkDatabase(health, databaseUrl));
  let url = "";
  const started = await startServices(
    {
      config,
      log,
      app,
      bus,
      health,
      databaseUrl,
      authenticators,
      blobs: blobs ?? (await openDirectoryBlobStore(path.join(config.dataDir, "blobs"), { isAlone: true })),
      url: () => url,
    },
    services,
    resources,
  );
  // Before anything else can fail: the database has its hash already, and nobody gets it again.
  if (started.firstToken) await writeToken(config.dataDir, started.firstToken);
  url = await listen(app, config, resources);
  if (started.work) resources.use(await started.work());
  const running = resources.move();
  return {
    url,
    app,
    firstToken: started.firstToken,
    broken: server.ended,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

interface Shared {
  config: Config;
  log: Log;
  app: HttpApp;
  bus: Bus;
  health: Health;
  databaseUrl: string;
  authenticators: Authenticator[];
  blobs: BlobStore;
  /** Known when the process listens. */
  url(): string;
}

async function startServices(
  shared: Shared,
  services: readonly ServiceName[],
  resources: AsyncDisposableStack,
) {
  const { config, log, app, bus, blobs, health, databaseUrl, authenticators, url } = shared;
  const clock = systemClock;
  let firstToken: string | undefined;
  let work: (() => Promise<AsyncDisposable>) | undefined;
  // The trigger reads before the registry can announce, so that nothing is published to nobody.
  if (services.includes("trigger")) resources.use(await startTrigger({ databaseUrl, app, bus, log }));
  if (services.includes("registry")) {
    const baseUrl = (request: { protocol: string; host: string }) =>
      config.publicUrl ?? `${request.protocol}://${request.host}`;
    const registry = resources.use(
      await startRegistry({ databaseUrl, app, bus, blobs, clock, log, baseUrl }),
    );
    authenticators.push(registry.authenticator);
    firstToken = registry.firstToken;
  }
  if (services.includes("runner")) {
    const secret = config.secretKey ?? (await readOrCreateSecretKey(config.dataDir));
    const runner = resources.use(
      await startRunner({
        databaseUrl,
        app,
        bus,
        blobs,
        clock,
        log,
        health,
        box: createSecretBox(secret),
        workDir: path.join(config.dataDir, "runs"),
        url,
        terraform: config.terraform,
        hostEnvironment: config.hostEnvironment,
        cliConfiguration: config.terraformCliConfig ? await readFile(config.terraformCliConfig, "utf8") : "",
        concurrency: config.runConcurrency,
        phaseTimeoutMs: config.runTimeoutMs,
      }),
    );
    authenticators.push(runner.authenticator);
    work = () => runner.work();
  }
  return { firstToken, work };
}

async function openDatabaseServer(
  { databaseUrl, dataDir }: Config,
  log: Log,
): Promise<{ url: string; ended: Promise<never>; resource?: AsyncDisposable }> {
  if (databaseUrl !== undefined) {
    await requireDatabase(databaseUrl);
    return { url: databaseUrl, ended: new Promise<never>(() => undefined) };
  }
  const server = await startEmbeddedPostgres({ dataDir: path.join(dataDir, "postgres"), log });
  return { url: server.url, ended: server.ended, resource: server };
}

function checkDatabase(health: Health, url: string): AsyncDisposable {
  const database = openDatabase({ url, schema: "public", connections: 1 });
  health.add("database", async () => {
    const { rows } = await database.pool.query<{ version: string }>(
      "select current_setting('server_version') as version",
    );
    return `PostgreSQL ${rows[0]?.version}`;
  });
  return database;
}

function firstOf(authenticators: readonly Authenticator[]): Authenticator {
  return {
    async authenticate(token) {
      for (const authenticator of authenticators) {
        const principal = await authenticator.authenticate(token);
        if (principal) return principal;
      }
      return undefined;
    },
  };
}

export class ListenError extends UnavailableError {
  constructor({ host, port }: ListenAddress, cause: unknown) {
    super(`Cannot listen on "${host}:${port}": ${messageOf(cause)}`, { cause });
  }
}

async function listen(
  app: HttpApp,
  { listen: address }: Config,
  resources: AsyncDisposableStack,
): Promise<string> {
  await app.listen({ host: address.host, port: address.port }).catch((error: unknown) => {
    throw new ListenError(address, error);
  });
  resources.defer(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const host = address.host === "0.0.0.0" || address.host === "::" ? "127.0.0.1" : address.host;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function writeToken(dataDir: string, token: string): Promise<void> {
  await writeFile(path.join(dataDir, "admin-token"), `${token}\n`, { mode: 0o600 });
}
