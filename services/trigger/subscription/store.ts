import type { Generated, Kysely, Transaction } from "kysely";
import type { TriggerTables } from "../database.ts";
import type { SubscriptionRecord } from "./subscription.ts";

export interface SubscriptionTable {
  id: Generated<number>;
  environment: string;
  artifact: string;
  channel: string;
  type: string;
  source: string;
  since: Date;
}

const columns = ["id", "environment", "artifact", "channel", "type", "source", "since"] as const;

export type NewSubscription = Omit<SubscriptionRecord, "id" | "environment">;

/** What the environment's declarations are now; earlier ones of the environment go. */
export async function replaceSubscriptions(
  trx: Transaction<TriggerTables>,
  { environment, subscriptions }: { environment: string; subscriptions: readonly NewSubscription[] },
): Promise<void> {
  await trx.deleteFrom("subscription").where("environment", "=", environment).execute();
  if (subscriptions.length === 0) return;
  await trx
    .insertInto("subscription")
    .values(subscriptions.map((subscription) => ({ ...subscription, environment })))
    .onConflict((on) => on.doNothing())
    .execute();
}

export async function listOwnSubscriptions(
  trx: Transaction<TriggerTables>,
  environment: string,
): Promise<SubscriptionRecord[]> {
  return trx.selectFrom("subscription").select(columns).where("environment", "=", environment).execute();
}

/** The environments that followed `latest` of the artifact with this type at that time, each once. */
export async function listFollowers(
  trx: Transaction<TriggerTables>,
  { artifact, type, at }: { artifact: string; type: string; at: Date },
): Promise<string[]> {
  const rows = await trx
    .selectFrom("subscription")
    .select("environment")
    .distinct()
    .where("artifact", "=", artifact)
    .where("channel", "=", "latest")
    .where("type", "in", [type, ""])
    .where("since", "<=", at)
    .orderBy("environment")
    .execute();
  return rows.map(({ environment }) => environment);
}

export interface SubscriptionQuery {
  visible: "*" | readonly string[];
  artifact?: string | undefined;
  environment?: string | undefined;
  after?: number | undefined;
  limit: number;
}

/** Newest first; one row more than the limit. */
export async function listSubscriptions(
  db: Kysely<TriggerTables>,
  { visible, artifact, environment, after, limit }: SubscriptionQuery,
): Promise<SubscriptionRecord[]> {
  let query = db.selectFrom("subscription").select(columns);
  if (visible !== "*") {
    query = query.where((where) =>
      where.or([
        where.val(false),
        ...visible.map((namespace) =>
          where(
            where.fn<string>("split_part", ["environment", where.val("/"), where.val(1)]),
            "=",
            namespace,
          ),
        ),
      ]),
    );
  }
  if (artifact !== undefined) query = query.where("artifact", "=", artifact);
  if (environment !== undefined) query = query.where("environment", "=", environment);
  if (after !== undefined) query = query.where("id", "<", after);
  return query
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
}
