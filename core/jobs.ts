import { PgBoss } from "pg-boss";
export { fromKysely } from "pg-boss";
import type { Log } from "./log.ts";

/** pg-boss in a schema of its own: whatever waits, retries or repeats stands on it. */
export interface Jobs extends AsyncDisposable {
  readonly boss: PgBoss;
}

export interface JobsOptions {
  databaseUrl: string;
  schema: string;
  log: Log;
}

const stopTimeoutMs = 20_000;

/** A job of a process that was killed is noticed `heartbeatSeconds` of its queue after its last beat, give or take this. */
const monitorSeconds = 2;

export async function openJobs({ databaseUrl, schema, log }: JobsOptions): Promise<Jobs> {
  const boss = new PgBoss({
    connectionString: databaseUrl,
    schema,
    application_name: `ingot ${schema}`,
    max: 4,
    schedule: false,
    useListenNotify: true,
    superviseIntervalSeconds: monitorSeconds,
    monitorIntervalSeconds: monitorSeconds,
    monitorVacuum: false,
  });
  boss.on("error", (error) => log.error({ schema, err: error }, "job engine failed"));
  boss.on("warning", (warning) => log.warn({ schema, warning }, "job engine warns"));
  await boss.start();
  return {
    boss,
    async [Symbol.asyncDispose]() {
      await boss.stop({ graceful: true, timeout: stopTimeoutMs });
    },
  };
}
