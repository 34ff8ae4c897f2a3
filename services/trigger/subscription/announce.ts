import type { Transaction } from "kysely";
import { decodeData, type CloudEvent } from "#proto/cloud-event.ts";
import { lockArtifacts, rememberAnnouncement } from "../announcement/store.ts";
import type { TriggerTables } from "../database.ts";
import { requestRun } from "../request/request.ts";
import { listFollowers } from "./store.ts";

/** A version was published: every environment that followed the artifact then shall plan. Answers which. */
export async function announceVersion(trx: Transaction<TriggerTables>, event: CloudEvent): Promise<string[]> {
  const { artifact, type } = decodeData("artifact.version.published", event);
  await lockArtifacts(trx, [artifact]);
  await rememberAnnouncement(trx, { artifact, type, event });
  const environments = await listFollowers(trx, { artifact, type, at: new Date(event.time) });
  for (const environment of environments) await requestRun(trx, { environment, event });
  return environments;
}
