import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type pg from "pg";

export class MigrationFailedError extends Error {
  override readonly name = "MigrationFailedError";
  constructor(schema: string, migration: string, options: ErrorOptions) {
    super(`Cannot migrate the schema "${schema}": "${migration}" failed and was rolled back`, options);
  }
}

/**
 * Applies the `NNNN-name.sql` files of the directories, in that order, that the schema has not had yet: forward
 * only, each in a transaction, one process at a time. A migration that this release does not know is left alone,
 * so that the previous release keeps working on the next one's schema.
 */
export async function migrate(
  pool: pg.Pool,
  { schema, directories }: { schema: string; directories: readonly string[] },
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("select pg_advisory_lock(hashtext('ingot migrations'))");
    await client.query(`create schema if not exists ${schema}`);
    await client.query(
      `create table if not exists ${schema}.migration (name text primary key, applied_at timestamptz not null default now())`,
    );
    const { rows } = await client.query<{ name: string }>(`select name from ${schema}.migration`);
    const applied = new Set(rows.map((row) => row.name));
    for (const { name, file } of await listMigrations(directories)) {
      if (!applied.has(name)) await apply(client, { schema, name, file });
    }
  } finally {
    await client.query("select pg_advisory_unlock_all()").catch(() => undefined);
    client.release();
  }
}

async function apply(
  client: pg.PoolClient,
  { schema, name, file }: { schema: string; name: string; file: string },
): Promise<void> {
  const text = await readFile(file, "utf8");
  try {
    await client.query("begin");
    await client.query(text);
    await client.query(`insert into ${schema}.migration (name) values ($1)`, [name]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw new MigrationFailedError(schema, name, { cause: error });
  }
}

async function listMigrations(directories: readonly string[]): Promise<{ name: string; file: string }[]> {
  const lists = await Promise.all(
    directories.map(async (directory) => {
      const files = await readdir(directory);
      return files
        .filter((file) => /^\d{4}-.+\.sql$/.test(file))
        .sort()
        .map((file) => ({ name: file.slice(0, -".sql".length), file: path.join(directory, file) }));
    }),
  );
  return lists.flat();
}
