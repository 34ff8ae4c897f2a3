import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { newBuild, openTestStore, type TestStore } from "../testing/given.ts";
import { findVersion } from "./store.ts";
import { createPublisher } from "./publish.ts";

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore();
});
afterEach(() => store[Symbol.asyncDispose]());

const web = { namespace: "acmeinc", name: "web" };
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const uploadHash = createHash("sha256").update("secret").digest();

test("200 publishes at once of one artifact have the numbers 1 to 200, each announced in that order", async () => {
  const published = await Promise.all(
    upTo(200).map((n) => store.publish({ externalId: `us-east-1:ami-${n}` })),
  );

  const announced = await store.outbox();
  expect(published.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(upTo(200));
  expect(announced.map(({ data }) => data["version"])).toEqual(upTo(200));
  const ids = announced.map(({ id }) => id);
  expect(ids).toEqual(ids.toSorted());
});

test("publishes of two processes at once, over artifacts in any order, are dense in each", async () => {
  const other = createPublisher(store.database, { wake: () => undefined });
  const names = ["web", "db", "cache", "app"];

  const published = await Promise.all(
    upTo(160).map((n) => {
      const name = names[(n * 7) % names.length] ?? "";
      const publisher = n % 2 ? store.publisher : other;
      return publisher.publish(newBuild({ name })).then(({ number }) => ({ name, number }));
    }),
  );

  for (const name of names) {
    const numbers = published.filter((each) => each.name === name).map(({ number }) => number);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(upTo(40));
  }
});

test("what waits goes out together: two statements, then batches of at most 64", async () => {
  const query = vi.spyOn(store.database.pool, "query");
  await Promise.all(upTo(130).map(() => store.publish()));
  const sizes = query.mock.calls.map(
    ([call]) => JSON.parse(String((call as unknown as pg.QueryConfig).values?.[0])) as unknown[],
  );

  expect(sizes.map((items) => items.length)).toEqual([1, 1, 64, 64]);
});

test("a bad item fails alone", async () => {
  const bad = newBuild({ metadata: { broken: "\0" } });
  const outcomes = await Promise.allSettled(
    upTo(20).map((n) => store.publisher.publish(n === 10 ? bad : newBuild())),
  );

  const numbers = outcomes.flatMap((outcome) =>
    outcome.status === "fulfilled" ? [outcome.value.number] : [],
  );
  expect(outcomes.map(({ status }) => status === "rejected")).toEqual(upTo(20).map((n) => n === 10));
  expect(numbers.toSorted((a, b) => a - b)).toEqual(upTo(19));
});

describe("the build number", () => {
  test("joins another type to the version", async () => {
    const first = await store.publish({ buildNumber: 7 });
    await store.publish();
    const joined = await store.publish({ buildNumber: 7, type: "azure.image", externalId: "disk" });

    expect([first.number, joined.number]).toEqual([1, 1]);
    const version = await findVersion(store.database.kysely, { ...web, number: 1 });
    expect(version?.builds.map(({ type }) => type)).toEqual(["amazon.image", "azure.image"]);
    expect((await store.outbox()).map(({ data }) => [data["version"], data["type"]])).toEqual([
      [1, "amazon.image"],
      [2, "amazon.image"],
      [1, "azure.image"],
    ]);
  });

  test("with a type that the version has makes a new one, which the next type joins", async () => {
    const publish = async (type: string) => (await store.publish({ buildNumber: 7, type })).number;

    const numbers = [];
    for (const type of ["amazon.image", "amazon.image", "azure.image", "azure.image", "azure.image"]) {
      numbers.push(await publish(type));
    }

    expect(numbers).toEqual([1, 2, 2, 1, 3]);
  });

  test("0 never joins, and neither does the number of another artifact", async () => {
    await store.publish({ name: "db", buildNumber: 7 });
    const numbers = [
      await store.publish({ type: "amazon.image" }),
      await store.publish({ type: "azure.image" }),
      await store.publish({ type: "amazon.image", buildNumber: 7 }),
    ].map(({ number }) => number);

    expect(numbers).toEqual([1, 2, 3]);
  });

  test("of builds of many types at once makes one version", async () => {
    const published = await Promise.all(
      upTo(30).map((n) => store.publish({ buildNumber: 9, type: `type.${n}` })),
    );

    expect(new Set(published.map(({ number }) => number))).toEqual(new Set([1]));
  });
});

describe("an idempotency key", () => {
  test("publishes once, however many ask at once", async () => {
    const published = await Promise.all(upTo(30).map(() => store.publish({ idempotencyKey: "job 1" })));

    expect(new Set(published.map(({ buildId, number }) => `${number} ${buildId}`)).size).toBe(1);
    expect(published.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await store.outbox()).toHaveLength(1);
  });

  test("is the artifact's own", async () => {
    await store.publish({ idempotencyKey: "job 1" });

    expect(await store.publish({ idempotencyKey: "job 1", name: "db" })).toMatchObject({
      number: 1,
      replayed: false,
    });
  });
});

describe("the announcement", () => {
  test("of a build without a file is made at once, with everything a consumer needs", async () => {
    await store.publish({ metadata: { os: "debian" }, externalId: "us-east-1:ami-1,eu-west-1:ami-2" });

    expect(await store.outbox()).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        type: "artifact.version.published",
        subject: "acmeinc/web",
        data: {
          artifact: "acmeinc/web",
          version: 1,
          type: "amazon.image",
          externalId: "us-east-1:ami-1,eu-west-1:ami-2",
          metadata: { os: "debian", ami_id: "ami-1,ami-2", region: "us-east-1,eu-west-1" },
          publishedBy: "ci",
          publishedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string,
        },
      },
    ]);
  });

  test("of a build whose file has not arrived waits", async () => {
    await store.publish({ uploadHash });

    expect(await store.outbox()).toEqual([]);
  });
});

describe("a connection that ends", () => {
  /** Ends the connection of every publish that waits for the lock that `block` holds. */
  async function endWaiting(): Promise<number> {
    const { rowCount } = await store.database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and query like '%publish_builds%'`,
    );
    return rowCount ?? 0;
  }

  test("before the commit costs no number and publishes once", async () => {
    await store.publish();
    const blocker = await store.database.pool.connect();
    await blocker.query("begin; select from artifact where name = 'web' for update");
    const publishing = upTo(5).map(() => store.publish());
    await expect.poll(endWaiting).toBeGreaterThan(0);

    await blocker.query("commit");
    blocker.release();
    const published = await Promise.all(publishing);

    expect(published.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6]);
    expect(await store.outbox()).toHaveLength(6);
  });

  test("after the commit and before the answer publishes once", async () => {
    const query = store.database.pool.query.bind(store.database.pool) as (
      config: pg.QueryConfig,
    ) => Promise<unknown>;
    let broken = 0;
    const unlucky = async (config: pg.QueryConfig) => {
      const answer = await query(config);
      if (broken++ === 0) throw new Error("Connection terminated unexpectedly");
      return answer;
    };
    const pool = { query: unlucky } as never as pg.Pool;
    const publisher = createPublisher({ ...store.database, pool }, { wake: () => undefined });

    const published = await publisher.publish(newBuild());

    expect(broken).toBe(2);
    expect(published).toMatchObject({ number: 1, replayed: true });
    expect(await store.outbox()).toHaveLength(1);
  });

  test("at any time while many publish loses, doubles and skips nothing", async () => {
    let publishing = true;
    const disturb = (async () => {
      while (publishing) {
        await store.database.pool
          .query(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query like '%publish_builds%'",
          )
          .catch(() => undefined);
        await sleep(5);
      }
    })();

    const published = [];
    for (let round = 0; round < 5; round++) {
      published.push(...(await Promise.all(upTo(20).map(() => store.publish()))));
    }
    publishing = false;
    await disturb;

    expect(published.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(upTo(100));
    expect((await store.outbox()).map(({ data }) => data["version"])).toEqual(upTo(100));
  });
});
