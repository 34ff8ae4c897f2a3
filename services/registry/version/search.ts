import { sql, type Kysely } from "kysely";
import { InvalidError } from "#core/errors.ts";
import { maxVersionNumber } from "#proto/names.ts";
import type { ArtifactRef } from "../artifact/artifact.ts";
import type { RegistryTables } from "../database.ts";
import { selectBuilds } from "./store.ts";
import type { BuildRecord } from "./version.ts";

/** Which of an artifact's builds of one type: by version, or by the builder's number, or all. */
export type Selector = { by: "version" | "build"; pick: "latest" | "any" | number } | { by: "none" };

export interface MetadataFilter {
  key: string;
  /** Undefined: the key must exist. Else the stored value, or one comma-separated member of it, equals this. */
  value?: string | undefined;
}

export interface SearchQuery extends ArtifactRef {
  type: string;
  selector: Selector;
  filters: readonly MetadataFilter[];
}

/**
 * The selection rules of Atlas: `latest` takes the newest and then filters, `any` filters and then takes the newest,
 * a number is that one; of builds `latest` is the highest build number, in it the newest version that matches.
 * Without a selector all that match, newest first.
 */
export async function searchBuilds(
  db: Kysely<RegistryTables>,
  { namespace, name, type, selector, filters }: SearchQuery,
): Promise<BuildRecord[]> {
  let query = selectVisible(db, { namespace, name, type });
  if (selector.by === "version" && typeof selector.pick === "number") {
    query = query.where("build.number", "=", selector.pick);
  }
  if (selector.by === "version" && selector.pick === "latest") {
    query = query.where("build.number", "=", selectNewest(db, { namespace, name, type }, "build.number"));
  }
  if (selector.by === "build") query = query.where("version.build_number", "<>", 0);
  if (selector.by === "build" && typeof selector.pick === "number") {
    query = query.where("version.build_number", "=", selector.pick);
  }
  if (selector.by === "build" && selector.pick === "latest") {
    const newest = selectNewest(db, { namespace, name, type }, "version.build_number");
    query = query.where("version.build_number", "=", newest);
  }
  for (const filter of filters) query = query.where(matches(filter));
  if (selector.by !== "none") query = query.limit(1);
  return query.orderBy("build.number", "desc").execute();
}

interface Home extends ArtifactRef {
  type: string;
}

function selectVisible(db: Kysely<RegistryTables>, { namespace, name, type }: Home) {
  return selectBuilds(db)
    .where("artifact.namespace", "=", namespace)
    .where("artifact.name", "=", name)
    .where("build.type", "=", type)
    .where("build.published_at", "is not", null);
}

function selectNewest(
  db: Kysely<RegistryTables>,
  home: Home,
  column: "build.number" | "version.build_number",
) {
  return selectVisible(db, home).clearSelect().select(column).orderBy(column, "desc").limit(1);
}

function matches({ key, value }: MetadataFilter) {
  const stored = sql<string>`(build.metadata ->> ${key})`;
  if (value === undefined) return sql<boolean>`build.metadata ? ${key}`;
  return sql<boolean>`(${stored} = ${value} or ${value} = any(string_to_array(${stored}, ',')))`;
}

/** Reads `version=`, `build=` and `metadata.N.key`, `metadata.N.value` of an Atlas search; `version` wins. */
export function readSearch(
  query: Readonly<Record<string, unknown>>,
): Pick<SearchQuery, "selector" | "filters"> {
  return { selector: readSelector(query), filters: readFilters(query) };
}

const largest = { version: maxVersionNumber, build: Number.MAX_SAFE_INTEGER } as const;

function readSelector(query: Readonly<Record<string, unknown>>): Selector {
  for (const by of ["version", "build"] as const) {
    const text = query[by];
    if (text === undefined || text === "") continue;
    if (text === "latest" || text === "any") return { by, pick: text };
    const pick = Number(text);
    if (typeof text !== "string" || !/^\d{1,16}$/.test(text) || pick > largest[by]) {
      throw new InvalidError(
        `Cannot search by ${by} ${JSON.stringify(text)}: expected latest, any or a number up to ${largest[by]}`,
      );
    }
    return { by, pick };
  }
  return { by: "none" };
}

function readFilters(query: Readonly<Record<string, unknown>>): MetadataFilter[] {
  const filters: MetadataFilter[] = [];
  for (const [parameter, key] of Object.entries(query)) {
    const index = /^metadata\.(\d{1,6})\.key$/.exec(parameter)?.[1];
    if (index === undefined) continue;
    const value = query[`metadata.${index}.value`];
    if (typeof key !== "string" || Array.isArray(value)) {
      throw new InvalidError(
        `Cannot search by metadata.${index} ${JSON.stringify([key, value])}: expected one key and at most one value`,
      );
    }
    filters.push({ key, value: typeof value === "string" ? value : undefined });
  }
  return filters;
}
