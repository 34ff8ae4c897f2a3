import type { Buffer } from "node:buffer";
import type { Generated, Kysely, Transaction } from "kysely";
import type { RunnerTables } from "../database.ts";
import type { LockInfo, StateVersionRecord } from "./state.ts";

export interface StateVersionTable {
  environment_id: number;
  number: number;
  serial: number;
  lineage: string;
  md5: Buffer;
  size_bytes: number;
  body: Buffer;
  run_id: string | null;
  created_by: string;
  created_at: Generated<Date>;
}

export interface StateLockTable {
  environment_id: number;
  lock_id: string;
  info: LockInfo;
  run_id: string | null;
  created_at: Generated<Date>;
}

const columns = [
  "number",
  "serial",
  "lineage",
  "md5",
  "size_bytes as sizeBytes",
  "run_id as runId",
  "created_by as createdBy",
  "created_at as createdAt",
] as const;

export async function findCurrentState(
  db: Kysely<RunnerTables>,
  environmentId: number,
): Promise<StateVersionRecord | undefined> {
  return db
    .selectFrom("state_version")
    .select(columns)
    .where("environment_id", "=", environmentId)
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
}

export async function getCurrentState(
  trx: Transaction<RunnerTables>,
  environmentId: number,
): Promise<StateVersionRecord> {
  const current = await findCurrentState(trx, environmentId);
  if (!current) throw new Error(`Cannot read the state of environment ${environmentId}: it has none`);
  return current;
}

/** The sealed bytes. */
export async function findStateBody(
  db: Kysely<RunnerTables>,
  environmentId: number,
  number: number,
): Promise<Buffer | undefined> {
  const found = await db
    .selectFrom("state_version")
    .select("body")
    .where("environment_id", "=", environmentId)
    .where("number", "=", number)
    .executeTakeFirst();
  return found?.body;
}

/** Newest first; one row more than the limit. */
export async function listStateVersions(
  db: Kysely<RunnerTables>,
  environmentId: number,
  { after, limit }: { after?: number | undefined; limit: number },
): Promise<StateVersionRecord[]> {
  return db
    .selectFrom("state_version")
    .select(columns)
    .where("environment_id", "=", environmentId)
    .$if(after !== undefined, (query) => query.where("number", "<", after ?? 0))
    .orderBy("number", "desc")
    .limit(limit + 1)
    .execute();
}

export type NewStateVersion = Omit<StateVersionRecord, "createdAt"> & { body: Buffer };

export async function insertStateVersion(
  trx: Transaction<RunnerTables>,
  environmentId: number,
  { number, serial, lineage, md5, sizeBytes, body, runId, createdBy }: NewStateVersion,
): Promise<void> {
  await trx
    .insertInto("state_version")
    .values({
      environment_id: environmentId,
      number,
      serial,
      lineage,
      md5,
      size_bytes: sizeBytes,
      body,
      run_id: runId,
      created_by: createdBy,
    })
    .execute();
}

export interface StateLock {
  lockId: string;
  info: LockInfo;
  runId: string | null;
}

export async function findStateLock(
  db: Kysely<RunnerTables>,
  environmentId: number,
): Promise<StateLock | undefined> {
  return db
    .selectFrom("state_lock")
    .select(["lock_id as lockId", "info", "run_id as runId"])
    .where("environment_id", "=", environmentId)
    .executeTakeFirst();
}

export async function insertStateLock(
  trx: Transaction<RunnerTables>,
  environmentId: number,
  { lockId, info, runId }: StateLock,
): Promise<void> {
  const row = {
    environment_id: environmentId,
    lock_id: lockId,
    info: JSON.stringify(info) as never,
    run_id: runId,
  };
  await trx.insertInto("state_lock").values(row).execute();
}

export async function deleteStateLock(trx: Transaction<RunnerTables>, environmentId: number): Promise<void> {
  await trx.deleteFrom("state_lock").where("environment_id", "=", environmentId).execute();
}
