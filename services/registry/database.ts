import path from "node:path";
import type { Database } from "#core/database/database.ts";
import { messageMigrations, type MessageTables } from "#core/outbox/outbox.ts";
import type { ArtifactTable } from "./artifact/store.ts";
import type { NamespaceTable } from "./namespace/store.ts";
import type { TokenTable } from "./token/store.ts";
import type { BuildTable, VersionTable } from "./version/store.ts";

export interface RegistryTables extends MessageTables {
  namespace: NamespaceTable;
  token: TokenTable;
  artifact: ArtifactTable;
  version: VersionTable;
  build: BuildTable;
}

export type RegistryDatabase = Database<RegistryTables>;

export const registrySchema = {
  schema: "registry",
  directories: [messageMigrations, path.join(import.meta.dirname, "migrations")],
};
