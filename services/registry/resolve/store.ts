import type { RegistryDatabase } from "../database.ts";
import type { VisibleBuild } from "../version/version.ts";
import type { Reference } from "./reference.ts";

/**
 * The visible builds of the referenced version, of one type or of all. `latest` is the first row of a backward scan
 * of build_visible_by_type (or build_visible), never a sort; the query is a named statement because it is hot.
 */
export async function findReferencedBuilds(
  { pool }: Pick<RegistryDatabase, "pool">,
  {
    namespace,
    name,
    version,
    type,
  }: Omit<Reference, "version"> & { version: "latest" | number; type?: string | undefined },
): Promise<VisibleBuild[]> {
  const typed = type === undefined ? "" : "_typed";
  const number = version === "latest" ? newest(type !== undefined) : "$4::int";
  const { rows } = await pool.query<VisibleBuild>({
    name: `resolve_${version === "latest" ? "latest" : "number"}${typed}`,
    text: `
      select b.id, a.namespace, a.name, b.number, b.type, b.external_id as "externalId", b.metadata,
        b.published_by as "publishedBy", b.created_at as "createdAt", b.published_at as "publishedAt",
        b.has_file as "hasFile", case when b.file_key is null then null else
          jsonb_build_object('key', b.file_key, 'sizeBytes', b.file_size, 'sha256', b.file_sha256) end as file
      from artifact a join build b on b.artifact_id = a.id
      where a.namespace = $1 and a.name = $2 and ($3::text is null or b.type = $3)
        and b.published_at is not null and b.number = ${number}
      order by b.type`,
    values: [namespace, name, type ?? null, ...(version === "latest" ? [] : [version])],
  });
  return rows;
}

function newest(typed: boolean): string {
  return `(select l.number from build l where l.artifact_id = a.id and l.published_at is not null
    ${typed ? "and l.type = $3" : ""} order by l.number desc limit 1)`;
}
