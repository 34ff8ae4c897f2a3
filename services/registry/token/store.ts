import type { Buffer } from "node:buffer";
import { sql, type Generated, type Kysely, type Transaction } from "kysely";
import type { Grant } from "#core/access.ts";
import type { RegistryTables } from "../database.ts";
import type { TokenRecord } from "./token.ts";

export interface TokenTable {
  id: Generated<string>;
  name: string;
  hash: Buffer;
  grants: Grant[];
  created_by: string;
  created_at: Generated<Date>;
  expires_at: Date | null;
  revoked_at: Date | null;
}

const columns = [
  "id",
  "name",
  "grants",
  "created_by as createdBy",
  "created_at as createdAt",
  "expires_at as expiresAt",
  "revoked_at as revokedAt",
] as const;

export interface NewToken {
  name: string;
  hash: Buffer;
  grants: readonly Grant[];
  createdBy: string;
  expiresAt: Date | null;
}

export async function insertToken(
  db: Kysely<RegistryTables>,
  { name, hash, grants, createdBy, expiresAt }: NewToken,
): Promise<TokenRecord> {
  return db
    .insertInto("token")
    .values({
      name,
      hash,
      grants: JSON.stringify(grants) as never,
      created_by: createdBy,
      expires_at: expiresAt,
      revoked_at: null,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
}

export async function findLiveToken(
  db: Kysely<RegistryTables>,
  { hash, now }: { hash: Buffer; now: Date },
): Promise<TokenRecord | undefined> {
  return db
    .selectFrom("token")
    .select(columns)
    .where("hash", "=", hash)
    .where("revoked_at", "is", null)
    .where((where) => where.or([where("expires_at", "is", null), where("expires_at", ">", now)]))
    .executeTakeFirst();
}

export async function findToken(db: Kysely<RegistryTables>, id: string): Promise<TokenRecord | undefined> {
  return db.selectFrom("token").select(columns).where("id", "=", id).executeTakeFirst();
}

/** Newest first; tokens are few, so the caller filters what it may see. */
export async function listTokens(db: Kysely<RegistryTables>): Promise<TokenRecord[]> {
  return db.selectFrom("token").select(columns).orderBy("created_at", "desc").orderBy("id").execute();
}

export async function revokeToken(db: Kysely<RegistryTables>, id: string): Promise<TokenRecord | undefined> {
  return db
    .updateTable("token")
    .set({ revoked_at: sql`coalesce(revoked_at, now())` })
    .where("id", "=", id)
    .returning(columns)
    .executeTakeFirst();
}

/** Whether another token may administer every namespace, now and without an end. */
export async function hasOtherLastingSiteAdmin(
  trx: Transaction<RegistryTables>,
  id: string,
): Promise<boolean> {
  const other = await trx
    .selectFrom("token")
    .select("id")
    .where("id", "<>", id)
    .where("revoked_at", "is", null)
    .where("expires_at", "is", null)
    .where(sql<boolean>`grants @> ${JSON.stringify([{ namespace: "*", role: "admin" }])}::jsonb`)
    .limit(1)
    .executeTakeFirst();
  return other !== undefined;
}

/** Keeps other writers of tokens out until the transaction ends; readers pass. */
export async function lockTokens(trx: Transaction<RegistryTables>): Promise<void> {
  await sql`lock table token in share row exclusive mode`.execute(trx);
}

export async function hasTokens(db: Kysely<RegistryTables>): Promise<boolean> {
  return (await db.selectFrom("token").select("id").limit(1).executeTakeFirst()) !== undefined;
}
