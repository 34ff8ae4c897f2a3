import type { Generated, Kysely, Transaction } from "kysely";
import type { RunnerTables } from "../database.ts";

export interface ConfigurationTable {
  environment_id: number;
  number: number;
  blob_key: string;
  size_bytes: number;
  sha256: string;
  files: number;
  uploaded_by: string;
  created_at: Generated<Date>;
}

export interface ConfigurationRecord {
  number: number;
  blobKey: string;
  sizeBytes: number;
  sha256: string;
  files: number;
  uploadedBy: string;
  createdAt: Date;
}

const columns = [
  "number",
  "blob_key as blobKey",
  "size_bytes as sizeBytes",
  "sha256",
  "files",
  "uploaded_by as uploadedBy",
  "created_at as createdAt",
] as const;

/** Takes the environment's next configuration number. */
export async function insertConfiguration(
  trx: Transaction<RunnerTables>,
  environmentId: number,
  configuration: Omit<ConfigurationRecord, "number" | "createdAt">,
): Promise<ConfigurationRecord> {
  const { last_configuration_number: number } = await trx
    .updateTable("environment")
    .set((field) => ({ last_configuration_number: field("last_configuration_number", "+", 1) }))
    .where("id", "=", environmentId)
    .returning("last_configuration_number")
    .executeTakeFirstOrThrow();
  const { blobKey, sizeBytes, sha256, files, uploadedBy } = configuration;
  return trx
    .insertInto("configuration")
    .values({
      environment_id: environmentId,
      number,
      blob_key: blobKey,
      size_bytes: sizeBytes,
      sha256,
      files,
      uploaded_by: uploadedBy,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
}

export async function getConfiguration(
  db: Kysely<RunnerTables>,
  environmentId: number,
  number: number,
): Promise<ConfigurationRecord> {
  return db
    .selectFrom("configuration")
    .select(columns)
    .where("environment_id", "=", environmentId)
    .where("number", "=", number)
    .executeTakeFirstOrThrow();
}

/** Newest first; one row more than the limit. */
export async function listConfigurations(
  db: Kysely<RunnerTables>,
  environmentId: number,
  { after, limit }: { after?: number | undefined; limit: number },
): Promise<ConfigurationRecord[]> {
  return db
    .selectFrom("configuration")
    .select(columns)
    .where("environment_id", "=", environmentId)
    .$if(after !== undefined, (query) => query.where("number", "<", after ?? 0))
    .orderBy("number", "desc")
    .limit(limit + 1)
    .execute();
}
