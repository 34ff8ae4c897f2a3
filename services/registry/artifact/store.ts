import { sql, type ExpressionBuilder, type Generated, type Kysely } from "kysely";
import type { RegistryTables } from "../database.ts";
import type { ArtifactRecord, ArtifactRef } from "./artifact.ts";

export interface ArtifactTable {
  id: Generated<number>;
  namespace: string;
  name: string;
  description: Generated<string>;
  last_number: Generated<number>;
  created_at: Generated<Date>;
}

const columns = [
  "artifact.id",
  "artifact.namespace",
  "artifact.name",
  "artifact.description",
  "artifact.last_number as lastNumber",
  "artifact.created_at as createdAt",
] as const;

export interface ListedArtifact extends ArtifactRecord {
  /** Newest visible version of any type. */
  latest: number | null;
}

/** Makes the artifact, and its namespace, unless they are there; answers the artifact either way. */
export async function ensureArtifact(
  db: Kysely<RegistryTables>,
  { namespace, name, description }: ArtifactRef & { description?: string | undefined },
): Promise<ListedArtifact & { created: boolean }> {
  return db.transaction().execute(async (trx) => {
    await trx
      .insertInto("namespace")
      .values({ name: namespace })
      .onConflict((on) => on.doNothing())
      .execute();
    const inserted = await trx
      .insertInto("artifact")
      .values({ namespace, name, ...(description === undefined ? {} : { description }) })
      .onConflict((on) => on.doNothing())
      .executeTakeFirst();
    const artifact = await selectArtifacts(trx)
      .where("artifact.namespace", "=", namespace)
      .where("artifact.name", "=", name)
      .executeTakeFirstOrThrow();
    return { ...artifact, created: inserted.numInsertedOrUpdatedRows === 1n };
  });
}

export async function findArtifact(
  db: Kysely<RegistryTables>,
  { namespace, name }: ArtifactRef,
): Promise<ListedArtifact | undefined> {
  return selectArtifacts(db)
    .where("artifact.namespace", "=", namespace)
    .where("artifact.name", "=", name)
    .executeTakeFirst();
}

export interface ArtifactQuery {
  visible: "*" | readonly string[];
  namespace?: string | undefined;
  /** Has a visible build of this type. */
  type?: string | undefined;
  /** Id of the last artifact of the page before. */
  after?: number | undefined;
  limit: number;
}

/** Newest first; one row more than the limit. */
export async function listArtifacts(
  db: Kysely<RegistryTables>,
  { visible, namespace, type, after, limit }: ArtifactQuery,
): Promise<ListedArtifact[]> {
  let query = selectArtifacts(db);
  if (visible !== "*") query = query.where("artifact.namespace", "in", visible.length > 0 ? visible : [""]);
  if (namespace !== undefined) query = query.where("artifact.namespace", "=", namespace);
  if (after !== undefined) query = query.where("artifact.id", "<", after);
  if (type !== undefined) {
    query = query.where((where) =>
      where.exists(
        where
          .selectFrom("build")
          .select(sql`1`.as("one"))
          .whereRef("build.artifact_id", "=", "artifact.id")
          .where("build.type", "=", type)
          .where("build.published_at", "is not", null),
      ),
    );
  }
  return query
    .orderBy("artifact.id", "desc")
    .limit(limit + 1)
    .execute();
}

function selectArtifacts(db: Kysely<RegistryTables>) {
  return db.selectFrom("artifact").select(columns).select(latestOf);
}

function latestOf(expression: ExpressionBuilder<RegistryTables, "artifact">) {
  return expression
    .selectFrom("build")
    .select("build.number")
    .whereRef("build.artifact_id", "=", "artifact.id")
    .where("build.published_at", "is not", null)
    .orderBy("build.number", "desc")
    .limit(1)
    .as("latest");
}
