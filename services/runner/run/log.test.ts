import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
} from "kysely";
import { expect, test } from "vitest";
import { createLog } from "#core/log.ts";
import type { RunnerTables } from "../database.ts";
import { openRunLog, type RunLogLimits } from "./log.ts";

const away = Object.assign(new Error("the database system is shutting down"), { code: "57P03" });

/** Keeps the texts that are stored; the first `failures` queries fail. */
function givenLog({ failures = 0, limits = {} }: { failures?: number; limits?: Partial<RunLogLimits> } = {}) {
  const stored: string[] = [];
  let left = failures;
  const connection = {
    async executeQuery({ parameters }: CompiledQuery) {
      if (left-- > 0) throw away;
      stored.push(String(parameters[2]));
      return { rows: [], numAffectedRows: 1n };
    },
  } as unknown as DatabaseConnection;
  class Driver extends DummyDriver {
    override acquireConnection = async () => connection;
  }
  const kysely = new Kysely<RunnerTables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new Driver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  const deps = { database: { kysely }, log: createLog({ level: "silent" }) };
  return { stored, log: openRunLog(deps, { runId: "a run", phase: "plan" }, limits) };
}

test("lines that come together are stored together", async () => {
  const { log, stored } = givenLog();

  for (const line of ["one", "two\0", "three"]) await log.line(line);
  await log.close();

  expect(stored).toEqual(["one\ntwo\u{fffd}\nthree\n"]);
});

test("a database that is away for a while loses no line", async () => {
  const { log, stored } = givenLog({ failures: 2 });

  await log.line("before");
  await new Promise((resolve) => setTimeout(resolve, 150));
  await log.line("meanwhile");
  await log.close();

  expect(stored.join("")).toBe("before\nmeanwhile\n");
});

test("a writer that is faster than the database waits", async () => {
  const { log, stored } = givenLog({ limits: { maxWaiting: 10 } });

  const quick = log.line("short");
  await log.line("longer than that");

  expect(quick).toBeUndefined();
  expect(stored).toEqual(["short\nlonger than that\n"]);
});

test("a log that never ends is cut with a note", async () => {
  const { log, stored } = givenLog({ limits: { maxTotal: 20 } });

  for (let count = 0; count < 1000; count++) await log.line("again and");
  await log.close();

  expect(stored.join("")).toBe("again and\nagain and\n(the log ends here: it has more than 20 characters)\n");
});
