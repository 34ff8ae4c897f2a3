import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** By table: row count and hash. */
export type Fingerprint = Readonly<Record<string, string>>;

export interface Observer extends AsyncDisposable {
  /** Of every table of the three services; what only says how far the work is, is left out. */
  fingerprint(): Promise<Fingerprint>;
  /** Waits until everything that was announced or queued has taken effect. */
  settle(): Promise<void>;
}

const schemas = ["registry", "trigger", "runner"];
const settleWithinMs = 20_000;

/** Watches the database of a running system from outside. */
export async function observeDatabase(databaseUrl: string): Promise<Observer> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ table: string }>(
    `select table_schema || '.' || table_name as table from information_schema.tables
      where table_schema = any($1) and table_type = 'BASE TABLE' order by 1`,
    [schemas],
  );
  const statement = rows.map(({ table }) => hashOf(table)).join(" union all ");
  return {
    async fingerprint() {
      const hashes = await client.query<{ table: string; rows: string[] }>(statement);
      return Object.fromEntries(hashes.rows.map(({ table, rows: found }) => [table, digest(found)]));
    },
    async settle() {
      const deadline = performance.now() + settleWithinMs;
      while (!(await isQuiet(client))) {
        if (performance.now() > deadline) throw new Error("Cannot go on: the system does not settle");
        await sleep(10);
      }
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

function hashOf(table: string): string {
  const row = table.endsWith(".outbox") ? "to_jsonb(t) - 'published_at'" : "to_jsonb(t)";
  return `select '${table}' as table, array(select md5((${row})::text) as hash from ${table} t order by hash) as rows`;
}

function digest(rows: readonly string[]): string {
  return `${rows.length} ${createHash("sha256").update(rows.join()).digest("hex").slice(0, 16)}`;
}

/** Nothing to announce, nothing on the way to a reader, no phase of a run before a worker. */
async function isQuiet(client: pg.Client): Promise<boolean> {
  const outboxes = schemas.map(
    (schema) => `exists (select from ${schema}.outbox where published_at is null)`,
  );
  const queues = ["bus_jobs", "runner_jobs"].map(
    (schema) => `exists (select from ${schema}.job where state < 'completed' and name not like '\\_\\_%')`,
  );
  const { rows } = await client.query<{ busy: boolean }>(
    `select ${[...outboxes, ...queues].join(" or ")} as busy`,
  );
  return rows[0]?.busy === false;
}
