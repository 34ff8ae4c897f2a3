import { sql, type Generated, type Kysely, type Transaction } from "kysely";
import type { RunnerTables } from "../database.ts";
import type { InputRecord } from "./input.ts";

export interface InputTable {
  environment_id: number;
  variable: string;
  reference: string;
  type: string;
  region: string;
  updated_by: string;
  updated_at: Generated<Date>;
}

const columns = [
  "variable",
  "reference",
  "type",
  "region",
  "updated_by as updatedBy",
  "updated_at as updatedAt",
] as const;

export async function putInput(
  trx: Transaction<RunnerTables>,
  environmentId: number,
  { variable, reference, type, region, updatedBy }: Omit<InputRecord, "updatedAt">,
): Promise<InputRecord> {
  const changes = { reference, type, region, updated_by: updatedBy };
  return trx
    .insertInto("input")
    .values({ environment_id: environmentId, variable, ...changes })
    .onConflict((on) =>
      on.columns(["environment_id", "variable"]).doUpdateSet({ ...changes, updated_at: sql`now()` }),
    )
    .returning(columns)
    .executeTakeFirstOrThrow();
}

export async function deleteInput(
  trx: Transaction<RunnerTables>,
  environmentId: number,
  variable: string,
): Promise<boolean> {
  const deleted = await trx
    .deleteFrom("input")
    .where("environment_id", "=", environmentId)
    .where("variable", "=", variable)
    .executeTakeFirst();
  return deleted.numDeletedRows === 1n;
}

export async function listInputs(db: Kysely<RunnerTables>, environmentId: number): Promise<InputRecord[]> {
  return db
    .selectFrom("input")
    .select(columns)
    .where("environment_id", "=", environmentId)
    .orderBy("variable")
    .execute();
}
