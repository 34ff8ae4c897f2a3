import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** A connection of the test's own, to look behind Ingot's back and to hold locks. */
export interface Probe extends AsyncDisposable {
  /** The rows of a statement. */
  rows<Row>(text: string, values?: unknown[]): Promise<Row[]>;
  /** The one number that a statement answers. */
  count(text: string, values?: unknown[]): Promise<number>;
}

export async function openProbe(url: string): Promise<Probe> {
  const client = new pg.Client({ connectionString: url, application_name: "probe" });
  // The server may be killed before the probe is closed.
  client.on("error", () => undefined);
  await client.connect();
  const rows = async <Row>(text: string, values: unknown[] = []) =>
    (await client.query(text, values)).rows as Row[];
  return {
    rows,
    async count(text, values) {
      const [row] = await rows<Record<string, string>>(text, values);
      return Number(Object.values(row ?? {})[0]);
    },
    [Symbol.asyncDispose]: () => client.end().catch(() => undefined),
  };
}

/** A transaction that holds what `lock` takes, until it is disposed. */
export async function holdLock(url: string, lock: string, values: unknown[] = []): Promise<AsyncDisposable> {
  const probe = await openProbe(url);
  await probe.rows("begin");
  await probe.rows(lock, values);
  return probe;
}

/** Waits until a statement that contains the text waits for a lock. */
export async function untilBlocked(probe: Probe, text: string): Promise<void> {
  await until(`a statement with "${text}" waits for a lock`, async () =>
    probe.count(
      `select count(*) from pg_stat_activity
       where wait_event_type = 'Lock' and datname = current_database() and position($1 in query) > 0`,
      [text],
    ),
  );
}

export interface UntilOptions {
  /** Default 60 000. */
  timeoutMs?: number;
}

/** Asks again until the answer is truthy. */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  { timeoutMs = 60_000 }: UntilOptions = {},
): Promise<T> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(50)) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`);
  }
}

const commitKey = 0x1a607;

/** Transactions that write to the table wait at their commit until this is disposed. */
export async function holdCommits(url: string, table: string): Promise<AsyncDisposable> {
  const probe = await openProbe(url);
  await probe.rows(`
    create or replace function public.hold_commit() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock_shared(${commitKey}); return null; end $$;
    drop trigger if exists hold_commit on ${table};
    create constraint trigger hold_commit after insert or update on ${table}
      deferrable initially deferred for each row execute function public.hold_commit();
    select pg_advisory_lock(${commitKey})`);
  return probe;
}
