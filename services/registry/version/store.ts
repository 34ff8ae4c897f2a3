import type { Buffer } from "node:buffer";
import { sql, type Generated, type Kysely, type RawBuilder } from "kysely";
import type { ArtifactRef } from "../artifact/artifact.ts";
import type { RegistryTables } from "../database.ts";
import type { BuildRecord, VersionRecord, VersionRef } from "./version.ts";

export interface VersionTable {
  artifact_id: number;
  number: number;
  build_number: Generated<number>;
  created_at: Date;
}

export interface BuildTable {
  id: string;
  artifact_id: number;
  number: number;
  type: string;
  external_id: string;
  metadata: Record<string, string>;
  compile_number: Generated<number>;
  published_by: string;
  created_at: Date;
  published_at: Date | null;
  idempotency_key: string | null;
  has_file: boolean;
  upload_hash: Buffer | null;
  file_key: string | null;
  file_size: number | null;
  file_sha256: string | null;
}

/** Builds with the names of their artifact. */
export function selectBuilds(db: Kysely<RegistryTables>) {
  return db
    .selectFrom("build")
    .innerJoin("artifact", "artifact.id", "build.artifact_id")
    .innerJoin("version", (join) =>
      join
        .onRef("version.artifact_id", "=", "build.artifact_id")
        .onRef("version.number", "=", "build.number"),
    )
    .select([
      "build.id",
      "artifact.namespace",
      "artifact.name",
      "build.number",
      "build.type",
      "build.external_id as externalId",
      "build.metadata",
      "version.build_number as buildNumber",
      "build.published_by as publishedBy",
      "build.created_at as createdAt",
      "build.published_at as publishedAt",
      "build.has_file as hasFile",
      fileOf().as("file"),
    ]);
}

function fileOf(): RawBuilder<BuildRecord["file"]> {
  return sql`case when build.file_key is null then null else
    jsonb_build_object('key', build.file_key, 'sizeBytes', build.file_size, 'sha256', build.file_sha256) end`;
}

export async function findVersion(
  db: Kysely<RegistryTables>,
  { namespace, name, number }: VersionRef,
): Promise<VersionRecord | undefined> {
  const builds = await selectBuilds(db)
    .where("artifact.namespace", "=", namespace)
    .where("artifact.name", "=", name)
    .where("build.number", "=", number)
    .orderBy("build.type")
    .execute();
  return groupVersions(builds)[0];
}

export interface VersionQuery extends ArtifactRef {
  type?: string | undefined;
  /** Pairs that one build of the version has. */
  metadata: readonly (readonly [key: string, value: string])[];
  /** Number of the last version of the page before. */
  after?: number | undefined;
  limit: number;
}

/** Newest first; one version more than the limit. */
export async function listVersions(
  db: Kysely<RegistryTables>,
  { namespace, name, type, metadata, after, limit }: VersionQuery,
): Promise<VersionRecord[]> {
  const pairs = metadata.map(([key, value]) => JSON.stringify({ [key]: value }));
  const numbers = db
    .selectFrom("build as wanted")
    .innerJoin("artifact as home", "home.id", "wanted.artifact_id")
    .select("wanted.number")
    .distinct()
    .where("home.namespace", "=", namespace)
    .where("home.name", "=", name)
    .$if(type !== undefined, (query) => query.where("wanted.type", "=", type ?? ""))
    .$if(pairs.length > 0, (query) => query.where(sql<boolean>`wanted.metadata @> all(${pairs}::jsonb[])`))
    .$if(after !== undefined, (query) => query.where("wanted.number", "<", after ?? 0))
    .orderBy("wanted.number", "desc")
    .limit(limit + 1);
  const builds = await selectBuilds(db)
    .where("artifact.namespace", "=", namespace)
    .where("artifact.name", "=", name)
    .where("build.number", "in", numbers)
    .orderBy("build.number", "desc")
    .orderBy("build.type")
    .execute();
  return groupVersions(builds);
}

/** Expects the builds of one version next to each other. */
function groupVersions(builds: readonly BuildRecord[]): VersionRecord[] {
  const versions: VersionRecord[] = [];
  for (const build of builds) {
    const last = versions.at(-1);
    if (last?.number === build.number) last.builds.push(build);
    else {
      const { namespace, name, number, createdAt } = build;
      versions.push({ namespace, name, number, createdAt, builds: [build] });
    }
  }
  return versions;
}
