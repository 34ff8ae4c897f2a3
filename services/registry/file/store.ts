import type { Buffer } from "node:buffer";
import { sql, type Kysely, type Transaction } from "kysely";
import type { ArtifactRef } from "../artifact/artifact.ts";
import type { RegistryTables } from "../database.ts";
import { selectBuilds } from "../version/store.ts";
import type { BuildRecord, FileRecord } from "../version/version.ts";

export async function findBuildByUpload(
  db: Kysely<RegistryTables>,
  uploadHash: Buffer,
): Promise<BuildRecord | undefined> {
  return selectBuilds(db).where("build.upload_hash", "=", uploadHash).executeTakeFirst();
}

/** Gives a build whose file has not arrived another upload secret; false when it has. */
export async function renewUpload(
  db: Kysely<RegistryTables>,
  { buildId, uploadHash }: { buildId: string; uploadHash: Buffer },
): Promise<boolean> {
  const renewed = await db
    .updateTable("build")
    .set({ upload_hash: uploadHash })
    .where("id", "=", buildId)
    .where("has_file", "=", true)
    .where("published_at", "is", null)
    .executeTakeFirst();
  return renewed.numUpdatedRows === 1n;
}

/** Says when the file arrived, at a repetition too; undefined when the file of another upload was first. */
export async function completeFile(
  trx: Transaction<RegistryTables>,
  { buildId, file }: { buildId: string; file: FileRecord },
): Promise<Date | undefined> {
  const completed = await trx
    .updateTable("build")
    .set({
      file_key: file.key,
      file_size: file.sizeBytes,
      file_sha256: file.sha256,
      published_at: sql<Date>`coalesce(published_at, clock_timestamp())`,
    })
    .where("id", "=", buildId)
    .where((where) => where.or([where("published_at", "is", null), where("file_key", "=", file.key)]))
    .returning("published_at")
    .executeTakeFirst();
  return completed?.published_at ?? undefined;
}

/** A visible build with a file: of one version, or the newest. */
export async function findBuildWithFile(
  db: Kysely<RegistryTables>,
  { namespace, name, type, number }: ArtifactRef & { type: string; number: number | "latest" },
): Promise<BuildRecord | undefined> {
  return selectBuilds(db)
    .where("artifact.namespace", "=", namespace)
    .where("artifact.name", "=", name)
    .where("build.type", "=", type)
    .where("build.published_at", "is not", null)
    .where("build.has_file", "=", true)
    .$if(number !== "latest", (query) => query.where("build.number", "=", number as number))
    .orderBy("build.number", "desc")
    .limit(1)
    .executeTakeFirst();
}
