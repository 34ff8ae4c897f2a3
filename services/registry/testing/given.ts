import { Buffer } from "node:buffer";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BlobStore } from "#core/blob/blob-store.ts";
import { openDirectoryBlobStore } from "#core/blob/directory.ts";
import type { Bus } from "#core/bus/bus.ts";
import { systemClock, type Clock } from "#core/clock.ts";
import { openDatabase } from "#core/database/database.ts";
import { migrate } from "#core/database/migrate.ts";
import { createHttpApp, type HttpApp } from "#core/http/app.ts";
import { useAuthenticator } from "#core/http/credentials.ts";
import { Problem } from "#core/http/schemas.ts";
import { createLog, type Log } from "#core/log.ts";
import { createTestDatabase } from "../../../test/support/database.ts";
import { registrySchema, type RegistryDatabase, type RegistryTables } from "../database.ts";
import { startRegistry, type Registry } from "../registry.ts";
import { createPublisher, type NewBuild, type PublishedBuild, type Publisher } from "../version/publish.ts";

/** A build to publish, of an Amazon image unless said otherwise. */
export function newBuild(build: Partial<NewBuild> = {}): NewBuild {
  return {
    namespace: "acmeinc",
    name: "web",
    type: "amazon.image",
    externalId: "us-east-1:ami-1",
    metadata: {},
    buildNumber: 0,
    compileNumber: 0,
    publishedBy: "ci",
    ...build,
  };
}

export interface TestStore extends AsyncDisposable {
  readonly database: RegistryDatabase;
  readonly publisher: Publisher;
  publish(build?: Partial<NewBuild>): Promise<PublishedBuild>;
  /** Announcements in their order. */
  outbox(): Promise<{ id: string; type: string; subject: string; data: Record<string, unknown> }[]>;
}

/** The registry's schema and its publisher, without HTTP. */
export async function openTestStore(): Promise<TestStore> {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await createTestDatabase());
  const database = resources.use(openDatabase<RegistryTables>({ url: server.url, schema: "registry" }));
  await migrate(database.pool, registrySchema);
  const publisher = createPublisher(database, { wake: () => undefined });
  const running = resources.move();
  return {
    database,
    publisher,
    publish: (build) => publisher.publish(newBuild(build)),
    outbox: () => listOutbox(database),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

async function listOutbox({ kysely }: RegistryDatabase) {
  const rows = await kysely
    .selectFrom("outbox")
    .select(["id", "type", "subject", "data"])
    .orderBy("seq")
    .execute();
  return rows.map((row) => ({ ...row, data: row.data as Record<string, unknown> }));
}

export interface Call {
  token?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Reply {
  status: number;
  headers: Headers;
  body: never;
}

export interface TestRegistry extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly app: HttpApp;
  readonly blobDirectory: string;
  readonly databaseUrl: string;
  readonly database: RegistryDatabase;
  /** As admin unless a token, or null for none, is given. */
  call(method: string, path: string, call?: Call): Promise<Reply>;
  /** Scopes such as "acmeinc:publish"; makes their namespaces. */
  createToken(...scopes: string[]): Promise<string>;
  /** Through the Atlas wire; the members of `artifact_version`. */
  publish(path: string, version?: Record<string, unknown>): Promise<PublishReply>;
  outbox: TestStore["outbox"];
}

export interface PublishReply {
  version: number;
  slug: string;
  upload_path: string;
}

export interface TestRegistryOptions {
  blobs?: BlobStore;
  clock?: Clock;
  log?: Log;
}

/** The registry alone in this process, listening, on a bus that takes everything. */
export async function startTestRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await createTestDatabase());
  const blobDirectory = await mkdtemp(path.join(tmpdir(), "ingot-registry-"));
  resources.defer(() => rm(blobDirectory, { recursive: true, force: true }));
  const database = resources.use(
    openDatabase<RegistryTables>({ url: server.url, schema: "registry", connections: 4 }),
  );
  const log = options.log ?? createLog({ level: "silent" });
  const app = createHttpApp({ log });
  app.addSchema(Problem);
  const started: { registry?: Registry } = {};
  useAuthenticator(app, {
    authenticate: async (token) => started.registry?.authenticator.authenticate(token),
  });
  const registry = resources.use(
    await startRegistry({
      databaseUrl: server.url,
      app,
      bus: forgetfulBus(),
      blobs: options.blobs ?? (await openDirectoryBlobStore(blobDirectory)),
      clock: options.clock ?? systemClock,
      log,
      baseUrl: ({ protocol, host }) => `${protocol}://${host}`,
    }),
  );
  started.registry = registry;
  await app.listen({ host: "127.0.0.1", port: 0 });
  resources.defer(() => app.close());
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const token = registry.firstToken ?? "";
  const running = resources.move();

  const call = (method: string, route: string, { token: as = token, body, headers = {} }: Call = {}) =>
    callHttp(`${url}${route}`, { method, token: as, body, headers });
  return {
    url,
    token,
    app,
    blobDirectory,
    databaseUrl: server.url,
    database,
    call,
    async createToken(...scopes) {
      for (const namespace of new Set(scopes.map((scope) => scope.split(":")[0]))) {
        if (namespace !== "*") await call("POST", "/api/v2/namespaces", { body: { name: namespace } });
      }
      const { body } = await call("POST", "/api/v2/tokens", { body: { name: scopes.join(" "), scopes } });
      return (body as { token: string }).token;
    },
    async publish(route, version = {}) {
      const defaults = { id: "us-east-1:ami-1", file: false, metadata: null, build_id: 0, compile_id: 0 };
      const body = { artifact_version: { ...defaults, ...version } };
      const reply = await call("POST", `/api/v1/artifacts/${route}`, { body });
      if (reply.status !== 200) throw new Error(`Cannot publish "${route}": ${JSON.stringify(reply)}`);
      return reply.body;
    },
    outbox: () => listOutbox(database),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

async function callHttp(
  url: string,
  { method, token, body, headers }: Required<Call> & { method: string },
): Promise<Reply> {
  const raw = typeof body === "string" || body instanceof Uint8Array || body instanceof URLSearchParams;
  const response = await fetch(url, {
    method,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && !raw && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: raw ? (body as string) : JSON.stringify(body) }),
  });
  const text = Buffer.from(await response.arrayBuffer()).toString();
  const json = response.headers.get("content-type")?.includes("json") ?? false;
  return {
    status: response.status,
    headers: response.headers,
    body: (json && text !== "" ? JSON.parse(text) : text) as never,
  };
}

function forgetfulBus(): Bus {
  const nothing = async () => undefined;
  return {
    publish: nothing,
    read: () => Promise.reject(new Error("Cannot read: the registry only announces")),
    deadLetters: async () => [],
    [Symbol.asyncDispose]: nothing,
  };
}
