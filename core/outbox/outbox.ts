import path from "node:path";
import type { Generated, Insertable, Transaction } from "kysely";
import type pg from "pg";
import type { Bus, Message } from "../bus/bus.ts";
import type { Log } from "../log.ts";
import { supervise } from "../supervise.ts";
import { Wake } from "../wake.ts";

/** Every service that announces or consumes has these two tables in its schema. */
export interface MessageTables {
  outbox: {
    seq: Generated<number>;
    id: Generated<string>;
    type: string;
    subject: string;
    time: Generated<Date>;
    data: unknown;
    published_at: Date | null;
  };
  inbox: { id: string; type: string; received_at: Generated<Date> };
}

export const messageMigrations = path.join(import.meta.dirname, "migrations");

export interface OutboxRow {
  id: string;
  type: string;
  subject: string;
  time: Date;
  data: unknown;
}

export interface Outbox extends AsyncDisposable {
  /** Announces soon what the caller has just committed; without it the relay finds it within its poll. */
  wake(): void;
}

export interface RelayOptions {
  /** The pool whose search path has the outbox. */
  pool: pg.Pool;
  schema: string;
  bus: Bus;
  toMessage: (row: OutboxRow) => Message;
  log: Log;
}

const batchSize = 100;
const pollMs = 1000;

/** Publishes committed outbox rows in their order. One relay of a schema works at a time, in whichever process. */
export function startRelay({ pool, schema, bus, toMessage, log }: RelayOptions): Outbox {
  const wake = new Wake();
  const loop = supervise(
    `${schema} outbox relay`,
    async (signal) => {
      while (!signal.aborted) {
        const published = await publishBatch(pool, { schema, bus, toMessage });
        if (published < batchSize) await wake.wait(pollMs, signal);
      }
    },
    { log },
  );
  return { wake: () => wake.ring(), [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose]() };
}

async function publishBatch(
  pool: pg.Pool,
  { schema, bus, toMessage }: Pick<RelayOptions, "schema" | "bus" | "toMessage">,
): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const lock = await client.query<{ mine: boolean }>(
      "select pg_try_advisory_xact_lock(hashtext('ingot relay ' || $1)) as mine",
      [schema],
    );
    const rows = lock.rows[0]?.mine ? await selectUnpublished(client) : [];
    if (rows.length > 0) {
      await bus.publish(rows.map(toMessage));
      await client.query("update outbox set published_at = now() where id = any($1)", [
        rows.map(({ id }) => id),
      ]);
    }
    await client.query("commit");
    return rows.length;
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

async function selectUnpublished(client: pg.PoolClient): Promise<OutboxRow[]> {
  const { rows } = await client.query<OutboxRow>(
    "select id, type, subject, time, data from outbox where published_at is null order by seq limit $1",
    [batchSize],
  );
  return rows;
}

export type NewOutboxRow = Pick<Insertable<MessageTables["outbox"]>, "id" | "type" | "subject" | "data">;

/** Adds facts in the transaction that makes them true. */
export async function appendOutbox(
  trx: Transaction<MessageTables>,
  rows: readonly NewOutboxRow[],
): Promise<void> {
  if (rows.length === 0) return;
  const values = rows.map((row) => ({ ...row, data: JSON.stringify(row.data) }));
  await trx
    .insertInto("outbox")
    .values(values)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}

/** Claims the effect of a message for this transaction; false when it has been taken before. */
export async function claimMessage(
  trx: Transaction<MessageTables>,
  { id, type }: Pick<Message, "id" | "type">,
): Promise<boolean> {
  const claimed = await trx
    .insertInto("inbox")
    .values({ id, type })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .executeTakeFirst();
  return claimed.numInsertedOrUpdatedRows === 1n;
}
