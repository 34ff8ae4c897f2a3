import type { Buffer } from "node:buffer";
import { sql, type Generated, type Kysely } from "kysely";
import type { RunnerTables } from "../database.ts";
import type { Category, VariableRecord } from "./variable.ts";

export interface VariableTable {
  environment_id: number;
  category: Category;
  key: string;
  value: Buffer;
  sensitive: boolean;
  hcl: boolean;
  updated_by: string;
  updated_at: Generated<Date>;
}

const columns = [
  "category",
  "key",
  "value",
  "sensitive",
  "hcl",
  "updated_by as updatedBy",
  "updated_at as updatedAt",
] as const;

export async function putVariable(
  db: Kysely<RunnerTables>,
  environmentId: number,
  { category, key, value, sensitive, hcl, updatedBy }: Omit<VariableRecord, "updatedAt">,
): Promise<VariableRecord> {
  const changes = { value, sensitive, hcl, updated_by: updatedBy };
  return db
    .insertInto("variable")
    .values({ environment_id: environmentId, category, key, ...changes })
    .onConflict((on) =>
      on.columns(["environment_id", "category", "key"]).doUpdateSet({ ...changes, updated_at: sql`now()` }),
    )
    .returning(columns)
    .executeTakeFirstOrThrow();
}

export async function deleteVariable(
  db: Kysely<RunnerTables>,
  environmentId: number,
  { category, key }: { category: Category; key: string },
): Promise<boolean> {
  const deleted = await db
    .deleteFrom("variable")
    .where("environment_id", "=", environmentId)
    .where("category", "=", category)
    .where("key", "=", key)
    .executeTakeFirst();
  return deleted.numDeletedRows === 1n;
}

export async function listVariables(
  db: Kysely<RunnerTables>,
  environmentId: number,
): Promise<VariableRecord[]> {
  return db
    .selectFrom("variable")
    .select(columns)
    .where("environment_id", "=", environmentId)
    .orderBy("category", "desc")
    .orderBy("key")
    .execute();
}
