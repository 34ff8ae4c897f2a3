import type { Generated, Kysely, Transaction } from "kysely";
import type { RunnerTables } from "../database.ts";
import { EnvironmentNotFoundError, type EnvironmentRecord, type EnvironmentRef } from "./environment.ts";

export interface EnvironmentTable {
  id: Generated<number>;
  namespace: string;
  name: string;
  description: Generated<string>;
  auto_apply: Generated<boolean>;
  last_run_number: Generated<number>;
  last_configuration_number: Generated<number>;
  held_by_run: string | null;
  held_reason: string | null;
  created_at: Generated<Date>;
}

const columns = [
  "id",
  "namespace",
  "name",
  "description",
  "auto_apply as autoApply",
  "last_configuration_number as configuration",
  "held_by_run as heldByRun",
  "held_reason as heldReason",
  "created_at as createdAt",
] as const;

export interface NewEnvironment extends EnvironmentRef {
  description: string;
  autoApply: boolean;
}

/** Undefined when the name is taken. */
export async function insertEnvironment(
  db: Kysely<RunnerTables>,
  { namespace, name, description, autoApply }: NewEnvironment,
): Promise<EnvironmentRecord | undefined> {
  return db
    .insertInto("environment")
    .values({ namespace, name, description, auto_apply: autoApply })
    .onConflict((on) => on.doNothing())
    .returning(columns)
    .executeTakeFirst();
}

export async function getEnvironment(
  db: Kysely<RunnerTables>,
  { namespace, name }: EnvironmentRef,
  action = "read",
): Promise<EnvironmentRecord> {
  const found = await db
    .selectFrom("environment")
    .select(columns)
    .where("namespace", "=", namespace)
    .where("name", "=", name)
    .executeTakeFirst();
  if (!found) throw new EnvironmentNotFoundError({ namespace, name }, action);
  return found;
}

/** Locks the row: whoever changes the queue, the state or the numbers of an environment holds it. */
export async function lockEnvironment(
  trx: Transaction<RunnerTables>,
  id: number,
): Promise<EnvironmentRecord> {
  return trx
    .selectFrom("environment")
    .select(columns)
    .where("id", "=", id)
    .forUpdate()
    .executeTakeFirstOrThrow();
}

export interface EnvironmentQuery {
  visible: "*" | readonly string[];
  after?: number | undefined;
  limit: number;
}

/** Newest first; one row more than the limit. */
export async function listEnvironments(
  db: Kysely<RunnerTables>,
  { visible, after, limit }: EnvironmentQuery,
): Promise<EnvironmentRecord[]> {
  let query = db.selectFrom("environment").select(columns);
  if (visible !== "*") query = query.where("namespace", "in", visible.length > 0 ? visible : [""]);
  if (after !== undefined) query = query.where("id", "<", after);
  return query
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
}

export interface EnvironmentChanges {
  description?: string | undefined;
  autoApply?: boolean | undefined;
}

export async function updateEnvironment(
  db: Kysely<RunnerTables>,
  id: number,
  { description, autoApply }: EnvironmentChanges,
): Promise<EnvironmentRecord> {
  return db
    .updateTable("environment")
    .set((field) => ({
      description: description ?? field.ref("description"),
      auto_apply: autoApply ?? field.ref("auto_apply"),
    }))
    .where("id", "=", id)
    .returning(columns)
    .executeTakeFirstOrThrow();
}

/** No run starts until the environment is released. */
export async function holdEnvironment(
  trx: Transaction<RunnerTables>,
  id: number,
  { run, reason }: { run: string; reason: string },
): Promise<void> {
  await trx
    .updateTable("environment")
    .set({ held_by_run: run, held_reason: reason })
    .where("id", "=", id)
    .execute();
}

export async function releaseEnvironment(trx: Transaction<RunnerTables>, id: number): Promise<void> {
  await trx
    .updateTable("environment")
    .set({ held_by_run: null, held_reason: null })
    .where("id", "=", id)
    .execute();
}
