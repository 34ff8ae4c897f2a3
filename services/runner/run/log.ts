import { setTimeout as sleep } from "node:timers/promises";
import { sql, type Generated, type Kysely } from "kysely";
import type { RunnerTables } from "../database.ts";

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
  /** One line, masked already. */
  line(text: string): void;
  /** Waits until all lines are stored. */
  close(): Promise<void>;
}

const collectMs = 100;

/** Stores lines in chunks, so that a chatty Terraform costs a few rows a second. */
export function openRunLog(
  db: Kysely<RunnerTables>,
  { runId, phase }: { runId: string; phase: Phase },
): RunLog {
  let lines: string[] = [];
  let flushing: Promise<void> | undefined;

  async function flush(): Promise<void> {
    await sleep(collectMs);
    while (lines.length > 0) {
      const text = `${lines.join("\n")}\n`;
      lines = [];
      await append(db, { runId, phase, text });
    }
    flushing = undefined;
  }

  return {
    line(text) {
      lines.push(text.replaceAll("\0", "\u{fffd}").toWellFormed());
      flushing ??= flush();
      flushing.catch(() => undefined);
    },
    async close() {
      await flushing;
    },
  };
}

async function append(
  db: Kysely<RunnerTables>,
  { runId, phase, text }: { runId: string; phase: Phase; text: string },
): Promise<void> {
  await sql`
    insert into run_log (run_id, seq, phase, text)
    select ${runId}, coalesce(max(seq), 0) + 1, ${phase}, ${text} from run_log where run_id = ${runId}`.execute(
    db,
  );
}
