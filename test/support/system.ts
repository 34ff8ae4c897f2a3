import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import type { BlobStore } from "#core/blob/blob-store.ts";
import { createLog, type Log } from "#core/log.ts";
import { readConfig } from "#app/config.ts";
import { startSystem, type System } from "#app/system.ts";
import { callApi, type CallOptions, type Reply } from "./call.ts";
import { createTestDatabase } from "./database.ts";

export interface TestSystem extends AsyncDisposable {
  readonly url: string;
  /** The admin token. */
  readonly token: string;
  readonly databaseUrl: string;
  readonly app: System["app"];
  /** Scopes such as "acmeinc:publish"; makes their namespaces. */
  createToken(scopes: string[]): Promise<string>;
  /** One call of our API as admin, or as another token. */
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
}

export interface TestSystemOptions {
  blobs?: BlobStore;
  log?: Log;
  /** Settings as environment variables. */
  settings?: Record<string, string>;
}

/** All services in this process, on a database and a directory of their own and a free port. */
export async function startTestSystem(options: TestSystemOptions = {}): Promise<TestSystem> {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await createTestDatabase());
  const dataDir = await mkdtemp(path.join(tmpdir(), "ingot-system-"));
  resources.defer(() => rm(dataDir, { recursive: true, force: true }));
  const config = readConfig({
    PATH: process.env["PATH"],
    INGOT_DATA_DIR: dataDir,
    INGOT_LISTEN: "127.0.0.1:0",
    DATABASE_URL: database.url,
    ...options.settings,
  });
  const system = resources.use(
    await startSystem(config, {
      log: options.log ?? createLog({ level: "silent" }),
      services: ["registry", "trigger", "runner"],
      ...(options.blobs && { blobs: options.blobs }),
    }),
  );
  const token = (await readFile(path.join(dataDir, "admin-token"), "utf8")).trim();
  const running = resources.move();
  const call = (method: string, route: string, { token: as = token, ...options }: CallOptions = {}) =>
    callApi(method, `${system.url}${route}`, { token: as, ...options });
  return {
    url: system.url,
    token,
    databaseUrl: database.url,
    app: system.app,
    call,
    async createToken(scopes) {
      for (const namespace of new Set(scopes.map((scope) => scope.split(":")[0]))) {
        if (namespace !== "*") await call("POST", "/api/v2/namespaces", { body: { name: namespace } });
      }
      const created = await call("POST", "/api/v2/tokens", { body: { name: scopes.join(" "), scopes } });
      return (created.body as { token: string }).token;
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
