import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { RunnerTables } from "../database.ts";
import { readLog } from "./log.ts";
import { isFinal, type RunState } from "./run.ts";
import { getRun } from "./store.ts";

const lookEveryMs = 200;
const keepAliveEveryMs = 15_000;

export interface LogStreamOptions {
  runId: string;
  /** Sequence number of the last chunk that the client has. */
  after: number;
  signal: AbortSignal;
}

const chunksAtOnce = 20;

/**
 * Server-sent events until the run has ended: `log` with the chunk's text, its sequence number as id, so that a
 * client that comes back goes on where it was; `state` with each new state.
 */
export async function streamRun(
  db: Kysely<RunnerTables>,
  response: ServerResponse,
  { runId, after, signal }: LogStreamOptions,
): Promise<void> {
  let last = after;
  let state: RunState | undefined;
  let quietSince = performance.now();
  while (!signal.aborted) {
    const run = await getRun(db, runId);
    const chunks = await readLog(db, runId, { after: last, limit: chunksAtOnce });
    for (const { seq, phase, text } of chunks) {
      await send(response, `id: ${seq}\nevent: log\ndata: ${JSON.stringify({ phase, text })}\n\n`, signal);
      last = seq;
    }
    if (run.state !== state && chunks.length === 0) {
      state = run.state;
      response.write(`event: state\ndata: ${JSON.stringify({ state })}\n\n`);
      if (isFinal(state)) return;
    }
    if (chunks.length > 0) quietSince = performance.now();
    else if (performance.now() - quietSince > keepAliveEveryMs) {
      response.write(": still here\n\n");
      quietSince = performance.now();
    }
    if (chunks.length === 0) await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Waits for a client that reads more slowly than it is written. */
async function send(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (response.write(text) || signal.aborted) return;
  await once(response, "drain", { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
