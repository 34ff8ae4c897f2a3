import type { ArtifactRef } from "../artifact/artifact.ts";
import type { RegistryDatabase } from "../database.ts";
import type { VisibleBuild } from "../version/version.ts";

type Wanted = ArtifactRef & { version: "latest" | number; type?: string | undefined };

/**
 * The visible builds of the referenced version, of one type or of all. `latest` is the first row of an index scan of
 * build_visible_by_type (or build_visible), never a sort; the query is a named statement because it is hot.
 */
export async function findReferencedBuilds(
  { pool }: Pick<RegistryDatabase, "pool">,
  { namespace, name, version, type }: Wanted,
): Promise<VisibleBuild[]> {
  const values: unknown[] = [namespace, name];
  const ofType = (build: string) => (type === undefined ? "" : `and ${build}.type = $3`);
  if (type !== undefined) values.push(type);
  const newest = `(select l.number from build l where l.artifact_id = a.id and l.published_at is not null
    ${ofType("l")} order by l.number desc limit 1)`;
  const number = version === "latest" ? newest : `$${values.push(version)}::int`;
  const { rows } = await pool.query<VisibleBuild>({
    name: `resolve ${version === "latest" ? "latest" : "number"}${type === undefined ? "" : " of type"}`,
    text: `
      select b.id, a.namespace, a.name, b.number, b.type, b.external_id as "externalId", b.metadata,
        b.published_by as "publishedBy", b.created_at as "createdAt", b.published_at as "publishedAt",
        b.has_file as "hasFile", case when b.file_key is null then null else
          jsonb_build_object('key', b.file_key, 'sizeBytes', b.file_size, 'sha256', b.file_sha256) end as file
      from artifact a join build b on b.artifact_id = a.id
      where a.namespace = $1 and a.name = $2 and b.published_at is not null and b.number = ${number} ${ofType("b")}`,
    values,
  });
  return rows.sort((one, other) => (one.type < other.type ? -1 : 1));
}
