import type { Generated, Kysely } from "kysely";
import type { RegistryTables } from "../database.ts";
import type { NamespaceRecord } from "./namespace.ts";

export interface NamespaceTable {
  name: string;
  created_at: Generated<Date>;
}

/** Undefined when the name is taken. */
export async function insertNamespace(
  db: Kysely<RegistryTables>,
  name: string,
): Promise<NamespaceRecord | undefined> {
  return db
    .insertInto("namespace")
    .values({ name })
    .onConflict((conflict) => conflict.doNothing())
    .returning(["name", "created_at as createdAt"])
    .executeTakeFirst();
}

export async function findNamespace(
  db: Kysely<RegistryTables>,
  name: string,
): Promise<NamespaceRecord | undefined> {
  return db
    .selectFrom("namespace")
    .select(["name", "created_at as createdAt"])
    .where("name", "=", name)
    .executeTakeFirst();
}

export interface NamespaceQuery {
  visible: "*" | readonly string[];
  after?: string | undefined;
  limit: number;
}

/** In the order of their names; one row more than the limit. */
export async function listNamespaces(
  db: Kysely<RegistryTables>,
  { visible, after, limit }: NamespaceQuery,
): Promise<NamespaceRecord[]> {
  let query = db.selectFrom("namespace").select(["name", "created_at as createdAt"]);
  if (visible !== "*") query = query.where("name", "in", visible.length > 0 ? visible : [""]);
  if (after !== undefined) query = query.where("name", ">", after);
  return query
    .orderBy("name")
    .limit(limit + 1)
    .execute();
}
