import path from "node:path";
import type pg from "pg";
import type { JobWithMetadata, PgBoss } from "pg-boss";
import { openDatabase } from "../database/database.ts";
import { migrate } from "../database/migrate.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import { defaultRetryPolicy, type Bus, type DeadLetter, type Message, type RetryPolicy } from "./bus.ts";
import { openJobs } from "../jobs.ts";

export interface EmbeddedBusOptions {
  databaseUrl: string;
  log: Log;
  retry?: RetryPolicy;
}

/**
 * The bus on the database alone. Each reader is a strictly ordered pg-boss queue keyed by subject, the message id is
 * the job id, and a publish puts one job into the queue of every reader of the type.
 */
export async function openEmbeddedBus({
  databaseUrl,
  log,
  retry = defaultRetryPolicy,
}: EmbeddedBusOptions): Promise<Bus> {
  const database = openDatabase({ url: databaseUrl, schema: "bus", connections: 2 });
  await migrate(database.pool, {
    schema: "bus",
    directories: [path.join(import.meta.dirname, "migrations")],
  });
  const jobs = await openJobs({ databaseUrl, schema: "bus_jobs", log });
  const deadLetters = deadLetterTable(database.pool);
  return {
    async publish(messages) {
      const subjects = [...Map.groupBy(messages, ({ subject }) => subject).values()];
      const outcomes = await Promise.allSettled(subjects.map((each) => publishInTurn(jobs.boss, each)));
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (failed) throw failed.reason;
    },
    async read({ name, types, handle }) {
      await createReaderQueue(jobs.boss, name, retry);
      for (const type of types) await jobs.boss.subscribe(type, name);
      const context = { name, handle: handle as never, retry, log, deadLetters };
      for (let count = 0; count < workersOfReader; count++) await startWorker(jobs.boss, context);
      return {
        async [Symbol.asyncDispose]() {
          await jobs.boss.offWork(name, { wait: true });
        },
      };
    },
    deadLetters: () => deadLetters.list(),
    async [Symbol.asyncDispose]() {
      await jobs[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** One subject's messages, in their order: a statement each, since those of one statement are as old as each other. */
async function publishInTurn(boss: PgBoss, messages: readonly Message[]): Promise<void> {
  for (const message of messages) {
    await boss.publish(message.type, message, { id: message.id, singletonKey: message.subject });
  }
}

/** A handler that takes its time holds back its own worker's batch alone. */
const workersOfReader = 4;

async function startWorker(boss: PgBoss, context: AttemptContext): Promise<void> {
  const options = {
    batchSize: 25,
    burstWhenBatchFull: true,
    includeMetadata: true,
    perJobResults: true,
    pollingIntervalSeconds: 1,
    notifyPollingIntervalSeconds: 2,
  } as const;
  const worker: string = await boss.work(context.name, options, async (batch: JobWithMetadata<Message>[]) => {
    const results = await Promise.all(batch.map((job) => attempt(job, context)));
    // A message that is done makes way for the next of its subject, of which no notification tells. Another worker
    // than this one might look before it is noted as done.
    boss.notifyWorker(worker);
    return results;
  });
}

// The queue's own limit is out of reach: a job that pg-boss gives up on would block its subject for ever.
const neverGiveUp = 1_000_000;
const tenYearsInSeconds = 315_360_000;

async function createReaderQueue(boss: PgBoss, name: string, retry: RetryPolicy): Promise<void> {
  await boss.createQueue(name, {
    policy: "key_strict_fifo",
    notify: true,
    retryLimit: neverGiveUp,
    retryDelay: retry.backoffSeconds,
    retryBackoff: true,
    retryDelayMax: retry.maxBackoffSeconds,
    heartbeatSeconds: 10,
    retentionSeconds: tenYearsInSeconds,
    deleteAfterSeconds: 86_400,
  });
}

interface AttemptContext {
  name: string;
  handle: (message: Message) => Promise<void>;
  retry: RetryPolicy;
  log: Log;
  deadLetters: ReturnType<typeof deadLetterTable>;
}

async function attempt(
  job: JobWithMetadata<Message>,
  { name, handle, retry, log, deadLetters }: AttemptContext,
) {
  const message = job.data;
  try {
    await handle(message);
    return { id: job.id, status: "completed" } as const;
  } catch (error) {
    const attempts = job.retryCount + 1;
    const data = {
      reader: name,
      id: message.id,
      type: message.type,
      subject: message.subject,
      attempts,
      err: error,
    };
    if (attempts < retry.attempts) {
      log.warn(data, "message failed and comes again");
      return { id: job.id, status: "failed", output: { message: messageOf(error) } } as const;
    }
    return bury(job, { name, error, attempts, log, deadLetters, data });
  }
}

interface Burial extends Pick<AttemptContext, "name" | "log" | "deadLetters"> {
  error: unknown;
  attempts: number;
  data: object;
}

/** A message that cannot be kept as a dead letter comes again; the others of its batch are not held to account. */
async function bury(
  job: JobWithMetadata<Message>,
  { name, error, attempts, log, deadLetters, data }: Burial,
) {
  try {
    await deadLetters.insert({ reader: name, message: job.data, error: messageOf(error), attempts });
  } catch (failure) {
    log.error({ ...data, failure: messageOf(failure) }, "dead letter could not be kept and comes again");
    return { id: job.id, status: "failed", output: { message: messageOf(error) } } as const;
  }
  log.error(data, "message became a dead letter");
  return { id: job.id, status: "completed" } as const;
}

function deadLetterTable(pool: pg.Pool) {
  return {
    async insert({ reader, message, error, attempts }: Omit<DeadLetter, "failedAt">): Promise<void> {
      await pool.query(
        `insert into dead_letter (reader, message_id, message, error, attempts) values ($1, $2, $3, $4, $5)
         on conflict (reader, message_id) do update set error = excluded.error, attempts = excluded.attempts, failed_at = now()`,
        [reader, message.id, JSON.stringify(message), error, attempts],
      );
    },
    async list(): Promise<DeadLetter[]> {
      const { rows } = await pool.query<DeadLetter>(
        `select reader, message, error, attempts, failed_at as "failedAt" from dead_letter order by failed_at desc limit 200`,
      );
      return rows;
    },
  };
}
