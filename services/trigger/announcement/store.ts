import { sql, type Transaction } from "kysely";
import type { CloudEvent } from "#proto/cloud-event.ts";
import type { TriggerTables } from "../database.ts";

export interface AnnouncementTable {
  artifact: string;
  type: string;
  event: CloudEvent;
  time: Date;
}

/**
 * An announcement and a declaration of the same artifact take turns: whichever is second sees the other. Held until
 * the transaction ends; taken in the order of the names.
 */
export async function lockArtifacts(
  trx: Transaction<TriggerTables>,
  artifacts: readonly string[],
): Promise<void> {
  for (const artifact of [...new Set(artifacts)].sort()) {
    await sql`select pg_advisory_xact_lock(hashtext(${`ingot artifact ${artifact}`}))`.execute(trx);
  }
}

/** Keeps the newest of the artifact and type. */
export async function rememberAnnouncement(
  trx: Transaction<TriggerTables>,
  { artifact, type, event }: { artifact: string; type: string; event: CloudEvent },
): Promise<void> {
  const row = { artifact, type, event: JSON.stringify(event) as never, time: new Date(event.time) };
  await trx
    .insertInto("announcement")
    .values(row)
    .onConflict((on) =>
      on
        .columns(["artifact", "type"])
        .doUpdateSet({ event: row.event, time: row.time })
        .where("announcement.time", "<", row.time),
    )
    .execute();
}

/** The newest announcement of the artifact that a subscriber since `since` must not miss. */
export async function findAnnouncement(
  trx: Transaction<TriggerTables>,
  { artifact, type, since }: { artifact: string; type: string; since: Date },
): Promise<CloudEvent | undefined> {
  const found = await trx
    .selectFrom("announcement")
    .select("event")
    .where("artifact", "=", artifact)
    .$if(type !== "", (query) => query.where("type", "=", type))
    .where("time", ">=", since)
    .orderBy("time", "desc")
    .limit(1)
    .executeTakeFirst();
  return found?.event;
}
