import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "./log.ts";
import { pause, supervise } from "./supervise.ts";

const unhandled: unknown[] = [];
const remember = (error: unknown) => void unhandled.push(error);
beforeEach(() => void process.on("unhandledRejection", remember));
afterEach(() => {
  process.off("unhandledRejection", remember);
  if (unhandled.length > 0) throw new AggregateError(unhandled.splice(0), "unhandled rejections");
});

function listenedLog() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { log: createLog({ level: "info", destination: { write } }), lines };
}

const quiet = createLog({ level: "silent" });

test("a failure is logged and tried again, each time after twice the wait up to the most", async () => {
  const { log, lines } = listenedLog();
  const sixth = Promise.withResolvers<void>();
  let attempts = 0;
  const work = async () => {
    if (++attempts === 6) sixth.resolve();
    throw new Error(`attempt ${attempts} failed`);
  };
  {
    await using _loop = supervise("a loop", work, { log, backoffMs: 2, maxBackoffMs: 10 });
    await sixth.promise;
  }

  expect(lines.slice(0, 5)).toMatchObject(
    [2, 4, 8, 10, 10].map((retryInMs, index) => ({
      level: "error",
      work: "a loop",
      retryInMs,
      err: { message: `attempt ${index + 1} failed` },
    })),
  );
});

test("work that ran for long before it failed is tried again after the first wait", async () => {
  const { log, lines } = listenedLog();
  const fourth = Promise.withResolvers<void>();
  let attempts = 0;
  const work = async () => {
    if (++attempts === 4) fourth.resolve();
    if (attempts === 3) await sleep(30);
    throw new Error("failed");
  };
  {
    await using _loop = supervise("a loop", work, { log, backoffMs: 2, maxBackoffMs: 10 });
    await fourth.promise;
  }

  expect(lines.slice(0, 3).map(({ retryInMs }) => retryInMs)).toEqual([2, 4, 2]);
});

test("work that returns starts again and leaves room for others", async () => {
  let starts = 0;
  {
    await using _loop = supervise("a loop", async () => void starts++, { log: quiet });
    await sleep(20);
  }

  expect(starts).toBeGreaterThan(1);
});

test("disposal aborts the signal and waits for the work", async () => {
  let finished = false;
  const work = async (signal: AbortSignal) => {
    await pause(60_000, signal);
    await sleep(10);
    finished = true;
  };

  await supervise("a loop", work, { log: quiet })[Symbol.asyncDispose]();

  expect(finished).toBe(true);
});

test("disposal ends a wait between attempts, and what the abort throws is no failure", async () => {
  const { log, lines } = listenedLog();
  const failed = Promise.withResolvers<void>();
  const waiting = supervise(
    "a loop",
    async () => {
      failed.resolve();
      throw new Error("failed");
    },
    { log, backoffMs: 60_000 },
  );
  const aborted = supervise("another", (signal) => sleep(60_000, undefined, { signal }), { log });
  await failed.promise;

  await Promise.all([waiting[Symbol.asyncDispose](), aborted[Symbol.asyncDispose]()]);

  expect(lines.map(({ work }) => work)).toEqual(["a loop"]);
});
