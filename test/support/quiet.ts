import pg from "pg";
import { until } from "./environment.ts";
import type { TestSystem } from "./system.ts";

/** Waits until every event has been announced and taken: what has not been caused by then is not caused. */
export async function waitUntilQuiet({ databaseUrl }: Pick<TestSystem, "databaseUrl">): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await until("all events are taken", async () => (await countUnderWay(client)) === 0);
  } finally {
    await client.end();
  }
}

async function countUnderWay(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: string }>(`
    select (select count(*) from registry.outbox where published_at is null)
      + (select count(*) from trigger.outbox where published_at is null)
      + (select count(*) from runner.outbox where published_at is null)
      + (select count(*) from bus_jobs.job where state < 'completed' and name in ('trigger', 'runner')) as count`);
  return Number(rows[0]?.count);
}

/** One query of the system's database. */
export async function queryDatabase<Row extends pg.QueryResultRow>(
  { databaseUrl }: Pick<TestSystem, "databaseUrl">,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}
