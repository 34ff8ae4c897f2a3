import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import type { TestProject } from "vitest/node";
import { startEmbeddedPostgres } from "#core/database/embedded/start.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** postgres:// URL of a role that may create databases. */
    databaseServer: string;
  }
}

/** One server for the whole run: INGOT_TEST_DATABASE_URL, or else an embedded one in a scratch directory. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const url = process.env["INGOT_TEST_DATABASE_URL"];
  if (url) {
    project.provide("databaseServer", url);
    return async () => undefined;
  }
  const dataDir = await mkdtemp(path.join(tmpdir(), "ingot-tests-"));
  const quiet = { info: () => undefined, warn: () => undefined };
  const server = await startEmbeddedPostgres({ dataDir, log: quiet });
  project.provide("databaseServer", server.url);
  return async () => {
    await server[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  };
}
