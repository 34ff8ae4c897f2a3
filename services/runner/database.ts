import path from "node:path";
import type { Database } from "#core/database/database.ts";
import { messageMigrations, type MessageTables } from "#core/outbox/outbox.ts";
import type { ConfigurationTable } from "./configuration/store.ts";
import type { EnvironmentTable } from "./environment/store.ts";
import type { InputTable } from "./input/store.ts";
import type { RunLogTable } from "./run/log.ts";
import type { RunTable } from "./run/store.ts";
import type { StateLockTable, StateVersionTable } from "./state/store.ts";
import type { VariableTable } from "./variable/store.ts";

export interface RunnerTables extends MessageTables {
  environment: EnvironmentTable;
  configuration: ConfigurationTable;
  variable: VariableTable;
  input: InputTable;
  state_version: StateVersionTable;
  state_lock: StateLockTable;
  run: RunTable;
  run_log: RunLogTable;
}

export type RunnerDatabase = Database<RunnerTables>;

export const runnerSchema = {
  schema: "runner",
  directories: [messageMigrations, path.join(import.meta.dirname, "migrations")],
};
