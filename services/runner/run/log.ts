import { setTimeout as sleep } from "node:timers/promises";
import { sql, type Generated, type Kysely } from "kysely";
import type { Log } from "#core/log.ts";
import type { RunnerDatabase, RunnerTables } from "../database.ts";
import { untilStored } from "./until-stored.ts";

export interface RunLogTable {
  run_id: string;
  seq: number;
  phase: Phase;
  text: string;
  created_at: Generated<Date>;
}

export type Phase = "plan" | "apply";

export interface LogChunk {
  seq: number;
  phase: Phase;
  /** Whole lines. */
  text: string;
}

/** Everything after `after`, in order. */
export async function readLog(
  db: Kysely<RunnerTables>,
  runId: string,
  { after = 0, limit = 1000 }: { after?: number; limit?: number } = {},
): Promise<LogChunk[]> {
  return db
    .selectFrom("run_log")
    .select(["seq", "phase", "text"])
    .where("run_id", "=", runId)
    .where("seq", ">", after)
    .orderBy("seq")
    .limit(limit)
    .execute();
}

export interface RunLog {
  /** One line, masked already. While a promise that it returns is pending, the writer is to wait. */
  line(text: string): void | Promise<void>;
  /** Waits until all lines are stored; a log that cannot be stored ends shorter, and does not fail the phase. */
  close(): Promise<void>;
}

export interface RunLogLimits {
  /** Characters that wait for the database before the writer has to. Default 4 Mi. */
  maxWaiting: number;
  /** Characters of one phase; what follows is left out. Default 64 Mi. */
  maxTotal: number;
}

const collectMs = 100;
const mebi = 1024 * 1024;

/** Stores lines in chunks, so that a chatty Terraform costs a few rows a second. */
export function openRunLog(
  { database, log }: { database: Pick<RunnerDatabase, "kysely">; log: Log },
  { runId, phase }: { runId: string; phase: Phase },
  { maxWaiting = 4 * mebi, maxTotal = 64 * mebi }: Partial<RunLogLimits> = {},
): RunLog {
  let lines: string[] = [];
  let waiting = 0;
  let total = 0;
  let flushing: Promise<void> | undefined;

  async function flush(): Promise<void> {
    await sleep(collectMs);
    while (lines.length > 0) {
      const text = `${lines.join("\n")}\n`;
      lines = [];
      waiting = 0;
      await store(text);
    }
    flushing = undefined;
  }

  async function store(text: string): Promise<void> {
    try {
      await untilStored(log, () => append(database.kysely, { runId, phase, text }));
    } catch (error) {
      log.error({ run: runId, phase, characters: text.length, err: error }, "run log could not be stored");
    }
  }

  function keep(text: string): void {
    lines.push(text);
    waiting += text.length;
  }

  return {
    line(text) {
      if (total > maxTotal) return;
      total += text.length + 1;
      keep(
        total > maxTotal
          ? `(the log ends here: it has more than ${maxTotal} characters)`
          : text.replaceAll("\0", "\u{fffd}").toWellFormed(),
      );
      flushing ??= flush();
      return waiting > maxWaiting ? flushing : undefined;
    },
    async close() {
      await flushing;
    },
  };
}

/** A worker that was overtaken may write too, and take the number first. */
async function append(
  db: Kysely<RunnerTables>,
  chunk: Omit<LogChunk, "seq"> & { runId: string },
): Promise<void> {
  while (!(await tryAppend(db, chunk)));
}

async function tryAppend(
  db: Kysely<RunnerTables>,
  { runId, phase, text }: Omit<LogChunk, "seq"> & { runId: string },
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into run_log (run_id, seq, phase, text)
    select ${runId}, coalesce(max(seq), 0) + 1, ${phase}, ${text} from run_log where run_id = ${runId}
    on conflict do nothing`.execute(db);
  return numAffectedRows === 1n;
}
