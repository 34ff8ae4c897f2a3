import type { Authenticator } from "#core/access.ts";
import type { BlobStore } from "#core/blob/blob-store.ts";
import type { Bus } from "#core/bus/bus.ts";
import type { Clock } from "#core/clock.ts";
import { openDatabase } from "#core/database/database.ts";
import { migrate } from "#core/database/migrate.ts";
import type { HttpApp } from "#core/http/app.ts";
import type { Log } from "#core/log.ts";
import { startRelay } from "#core/outbox/outbox.ts";
import { toCloudEvent } from "#proto/cloud-event.ts";
import { mountArtifacts } from "./artifact/routes.ts";
import { mountAtlas } from "./atlas/atlas.ts";
import { registrySchema, type RegistryTables } from "./database.ts";
import { mountNamespaces } from "./namespace/routes.ts";
import { mountResolve } from "./resolve/routes.ts";
import { createFirstToken, createTokenAuthenticator } from "./token/authenticator.ts";
import { mountTokens } from "./token/routes.ts";
import { createPublisher } from "./version/publish.ts";
import { mountVersions } from "./version/routes.ts";

export interface RegistryDeps {
  databaseUrl: string;
  app: HttpApp;
  bus: Bus;
  blobs: BlobStore;
  clock: Clock;
  log: Log;
  /** The address that callers reach us under, as a request shows it. */
  baseUrl(request: { protocol: string; host: string }): string;
}

export interface Registry extends AsyncDisposable {
  readonly authenticator: Authenticator;
  /** The admin token, on the first start alone. */
  readonly firstToken: string | undefined;
}

/** Namespaces, tokens, artifacts, versions and files; announces what is published. */
export async function startRegistry(deps: RegistryDeps): Promise<Registry> {
  const { databaseUrl, app, bus, blobs, clock, log, baseUrl } = deps;
  await using resources = new AsyncDisposableStack();
  const database = resources.use(openDatabase<RegistryTables>({ url: databaseUrl, schema: "registry" }));
  await migrate(database.pool, registrySchema);
  const firstToken = await createFirstToken(database);
  const toMessage = toCloudEvent.bind(undefined, "/registry");
  const outbox = resources.use(startRelay({ pool: database.pool, schema: "registry", bus, toMessage, log }));
  const publisher = createPublisher(database, outbox);

  mountNamespaces(app, { database });
  mountTokens(app, { database, clock });
  mountArtifacts(app, { database });
  mountVersions(app, { database, publisher, baseUrl });
  mountResolve(app, { database, baseUrl });
  mountAtlas(app, { database, publisher, baseUrl, blobs, outbox });

  const running = resources.move();
  return {
    authenticator: createTokenAuthenticator(database, clock),
    firstToken,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
