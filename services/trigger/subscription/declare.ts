import type { Transaction } from "kysely";
import { decodeData, type CloudEvent } from "#proto/cloud-event.ts";
import { findAnnouncement, lockArtifacts } from "../announcement/store.ts";
import type { TriggerTables } from "../database.ts";
import { requestRun } from "../request/request.ts";
import { listOwnSubscriptions, replaceSubscriptions, type NewSubscription } from "./store.ts";
import { follows } from "./subscription.ts";

/**
 * An environment has said what its inputs are. A version that was published after that and is known here already
 * causes a run too: events of an environment and of an artifact overtake each other.
 */
export async function declareSubscriptions(
  trx: Transaction<TriggerTables>,
  event: CloudEvent,
): Promise<void> {
  const { environment, references } = decodeData("environment.inputs.declared", event);
  const followed = references.filter(({ version }) => follows(version));
  await lockArtifacts(
    trx,
    followed.map(({ artifact }) => artifact),
  );
  const known = await listOwnSubscriptions(trx, environment);
  const declared = followed.map(({ artifact, version, type, from }): NewSubscription => {
    const subscription = {
      artifact,
      channel: version,
      type,
      source: `input:${from}`,
      since: new Date(event.time),
    };
    const since = known.find((other) => isSame(subscription, other))?.since;
    return { ...subscription, ...(since && { since }) };
  });
  await replaceSubscriptions(trx, { environment, subscriptions: declared });
  for (const { artifact, type, since } of declared) {
    const missed = await findAnnouncement(trx, { artifact, type, since });
    if (missed) await requestRun(trx, { environment, event: missed });
  }
}

function isSame(one: NewSubscription, other: NewSubscription): boolean {
  return one.artifact === other.artifact && one.channel === other.channel && one.type === other.type;
}
