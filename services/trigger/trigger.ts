import type { Transaction } from "kysely";
import type { Bus } from "#core/bus/bus.ts";
import { openDatabase } from "#core/database/database.ts";
import { migrate } from "#core/database/migrate.ts";
import type { HttpApp } from "#core/http/app.ts";
import type { Log } from "#core/log.ts";
import { claimMessage, startRelay } from "#core/outbox/outbox.ts";
import { toCloudEvent, type CloudEvent } from "#proto/cloud-event.ts";
import { triggerSchema, type TriggerTables } from "./database.ts";
import { announceVersion } from "./subscription/announce.ts";
import { declareSubscriptions } from "./subscription/declare.ts";
import { mountSubscriptions } from "./subscription/routes.ts";

export interface TriggerDeps {
  databaseUrl: string;
  app: HttpApp;
  bus: Bus;
  log: Log;
}

/** Knows which environments follow which artifacts, and asks for a run where a published version concerns one. */
export async function startTrigger({ databaseUrl, app, bus, log }: TriggerDeps): Promise<AsyncDisposable> {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(openDatabase<TriggerTables>({ url: databaseUrl, schema: "trigger" }));
  await migrate(database.pool, triggerSchema);
  const toMessage = toCloudEvent.bind(undefined, "/trigger");
  const outbox = resources.use(startRelay({ pool: database.pool, schema: "trigger", bus, toMessage, log }));

  const react = async (trx: Transaction<TriggerTables>, event: CloudEvent) => {
    if (event.type === "environment.inputs.declared") return declareSubscriptions(trx, event);
    const environments = await announceVersion(trx, event);
    log.info({ event: event.id, artifact: event.subject, environments }, "version published: runs requested");
  };
  resources.use(
    await bus.read<CloudEvent>({
      name: "trigger",
      types: ["artifact.version.published", "environment.inputs.declared"],
      async handle(event) {
        await database.kysely.transaction().execute(async (trx) => {
          if (await claimMessage(trx, event)) await react(trx, event);
        });
        outbox.wake();
      },
    }),
  );
  mountSubscriptions(app, { database });
  return resources.move();
}
