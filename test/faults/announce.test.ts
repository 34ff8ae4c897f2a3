import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { holdLock, openProbe, until, untilBlocked, type Probe, type UntilOptions } from "../support/probe.ts";
import { startIngot, type Ingot } from "../support/process.ts";
import { givenEnvironment, listRuns, numbersTo, publish } from "./given.ts";

describe("a version causes one run though Ingot is killed", () => {
  const resources = new AsyncDisposableStack();
  let ingot: Ingot;
  let environment: string;
  let probe: Probe;
  let known: number;

  beforeAll(async () => {
    // The run shall exist; what becomes of its plan is another story.
    const settings = { INGOT_TERRAFORM: "/nowhere/terraform" };
    ingot = resources.use(await startIngot({ settings }));
    environment = await givenEnvironment(ingot, { inputs: { web_ami: "acmeinc/web" }, main: "" });
  });
  beforeEach(async () => {
    probe = resources.use(await openProbe(await ingot.databaseUrl()));
    known = (await listRuns(ingot, environment)).length;
  });
  afterAll(() => resources.disposeAsync());

  test("between the commit and the announcement", async () => {
    const relay = await lock("select pg_advisory_xact_lock(hashtext('ingot relay registry'))");
    await publish(ingot);
    expect(await unannounced()).toBe(1);
    await ingot.kill();
    await relay[Symbol.asyncDispose]();
    await ingot.start();

    expect(await causedRuns()).toEqual(one);
  });

  test("between the announcement and the note that it was made", async () => {
    const relay = await lock("select pg_advisory_xact_lock(hashtext('ingot relay registry'))");
    await publish(ingot);
    const note = await lock("select from registry.outbox where published_at is null for update");
    await relay[Symbol.asyncDispose]();
    await untilBlocked(probe, "update outbox set published_at");
    await ingot.kill();
    await note[Symbol.asyncDispose]();
    await ingot.start();

    expect(await causedRuns()).toEqual(one);
  });

  test.each(["trigger", "runner"])("between the announcement and its effect in the %s", async (service) => {
    const inbox = await lock(`lock table ${service}.inbox in share row exclusive mode`);
    await publish(ingot);
    await untilBlocked(probe, 'insert into "inbox"');
    await ingot.kill();
    await inbox[Symbol.asyncDispose]();
    await ingot.start();

    expect(await causedRuns()).toEqual(one);
  });

  test.each(["trigger", "runner"])("and its message comes to the %s again", async (service) => {
    await publish(ingot);
    expect(await causedRuns()).toEqual(one);
    const delivered = () =>
      probe.count("select count(*) from bus_jobs.job where name = $1 and state = 'completed'", [service]);
    const before = await until("the message is handled", delivered);
    await redeliver(service);
    await until("the message is handled again", async () => (await delivered()) === before);

    expect(await causedRuns()).toEqual(one);
  });

  test("and many at once do not wait for one another", async () => {
    await Promise.all(numbersTo(60).map(() => publish(ingot)));

    expect(await causedRuns({ timeoutMs: 20_000 })).toEqual({ runs: 60, events: 60 });
  });

  function lock(statement: string): Promise<AsyncDisposable> {
    return ingot.databaseUrl().then((url) => holdLock(url, statement));
  }

  function unannounced(): Promise<number> {
    return probe.count("select count(*) from registry.outbox where published_at is null");
  }

  async function redeliver(service: string): Promise<void> {
    await probe.rows(
      `update bus_jobs.job set state = 'created', completed_on = null, output = null
       where id = (select id from bus_jobs.job where name = $1 and state = 'completed'
         and data->>'type' <> 'environment.inputs.declared' order by created_on desc limit 1)`,
      [service],
    );
  }

  /** Runs, and different events that caused them, since the test began; when all is handled. */
  async function causedRuns(options?: UntilOptions): Promise<{ runs: number; events: number }> {
    await using after = await openProbe(await ingot.databaseUrl());
    await untilQuiet(after, options);
    const runs = (await listRuns(ingot, environment)).slice(known);
    return { runs: runs.length, events: new Set(runs.map(({ cause }) => cause.event)).size };
  }
});

const one = { runs: 1, events: 1 };

/** Waits until everything that was committed has been announced and handled. */
async function untilQuiet(probe: Probe, options: UntilOptions = { timeoutMs: 40_000 }): Promise<void> {
  const outboxes = ["registry", "trigger", "runner"].map(
    (schema) => `(select count(*) from ${schema}.outbox where published_at is null)`,
  );
  const messages = "(select count(*) from bus_jobs.job where state in ('created', 'retry', 'active'))";
  const left = `select ${outboxes.join(" + ")} + ${messages}`;
  await until("nothing is under way", async () => (await probe.count(left)) === 0, options);
}
