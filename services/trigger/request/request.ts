import type { Generated, Transaction } from "kysely";
import { uuidv7 } from "#core/id.ts";
import { appendOutbox } from "#core/outbox/outbox.ts";
import { decodeData, encodeData, type CloudEvent } from "#proto/cloud-event.ts";
import type { TriggerTables } from "../database.ts";

export interface RequestTable {
  environment: string;
  event_id: string;
  requested_at: Generated<Date>;
}

/** Asks for a run of the environment because of the announced version; once for each announcement. */
export async function requestRun(
  trx: Transaction<TriggerTables>,
  { environment, event }: { environment: string; event: CloudEvent },
): Promise<boolean> {
  const claimed = await trx
    .insertInto("request")
    .values({ environment, event_id: event.id })
    .onConflict((on) => on.doNothing())
    .executeTakeFirst();
  if (claimed.numInsertedOrUpdatedRows !== 1n) return false;
  const { artifact, version, type, publishedBy, publishedAt } = decodeData(
    "artifact.version.published",
    event,
  );
  const value = {
    eventId: event.id,
    artifact,
    version,
    type,
    publishedBy,
    ...(publishedAt && { publishedAt }),
  };
  const data = encodeData("run.requested", { environment, cause: { kind: { case: "version", value } } });
  await appendOutbox(trx, [{ id: uuidv7(), type: "run.requested", subject: environment, data }]);
  return true;
}
