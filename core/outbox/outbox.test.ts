import { setTimeout as sleep } from "node:timers/promises";
import type { Transaction } from "kysely";
import { expect, test } from "vitest";
import { createTestDatabase } from "../../test/support/database.ts";
import type { Bus, Message } from "../bus/bus.ts";
import { openDatabase } from "../database/database.ts";
import { migrate } from "../database/migrate.ts";
import { uuidv7 } from "../id.ts";
import { createLog } from "../log.ts";
import { appendOutbox, claimMessage, messageMigrations, startRelay, type MessageTables } from "./outbox.ts";

type Fact = Message & { data: unknown };

/** A bus that keeps what it gets, and fails when it is told to. */
function listeningBus(publish: (messages: readonly Fact[]) => Promise<void> = async () => undefined) {
  const received: Fact[] = [];
  const waiting = new Set<() => void>();
  const bus: Pick<Bus, "publish"> = {
    async publish(messages) {
      await publish(messages as readonly Fact[]);
      received.push(...(messages as readonly Fact[]));
      for (const look of waiting) look();
    },
  };
  return {
    bus: bus as Bus,
    received,
    /** Resolves when so many have arrived. */
    count: (expected: number) =>
      new Promise<void>((resolve) => {
        const look = () => void (received.length >= expected && resolve());
        waiting.add(look);
        look();
      }),
  };
}

async function givenOutbox() {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await createTestDatabase());
  const open = () => openDatabase<MessageTables>({ url: server.url, schema: "bakery", connections: 4 });
  const database = resources.use(open());
  await migrate(database.pool, { schema: "bakery", directories: [messageMigrations] });
  const running = resources.move();
  return {
    database,
    relay: (bus: Bus) =>
      startRelay({
        pool: database.pool,
        schema: "bakery",
        bus,
        toMessage: (row) => ({ ...row }),
        log: createLog({ level: "silent" }),
      }),
    append: (...facts: { subject: string; data?: unknown }[]) =>
      database.kysely.transaction().execute((trx) =>
        appendOutbox(
          trx,
          facts.map(({ subject, data = {} }) => ({ id: uuidv7(), type: "loaf.baked", subject, data })),
        ),
      ),
    unpublished: async () =>
      (await database.pool.query<{ count: number }>("select count(*) from outbox where published_at is null"))
        .rows[0]?.count,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

const subjects = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ subject: `loaf ${index}` }));

test("facts are published in their order, beyond one batch", async () => {
  await using outbox = await givenOutbox();
  await outbox.append(...subjects(250));
  const { bus, received, count } = listeningBus();

  await using _relay = outbox.relay(bus);
  await count(250);

  expect(received.map(({ subject }) => subject)).toEqual(subjects(250).map(({ subject }) => subject));
});

test("a fact is published soon after it is announced", async () => {
  await using outbox = await givenOutbox();
  const { bus, count } = listeningBus();
  await using relay = outbox.relay(bus);
  await outbox.append({ subject: "first" });
  relay.wake();
  await count(1);

  const latencies: number[] = [];
  for (let n = 2; n <= 21; n++) {
    await outbox.append({ subject: `loaf ${n}` });
    const since = performance.now();
    relay.wake();
    await count(n);
    latencies.push(performance.now() - since);
  }

  expect(latencies.toSorted((a, b) => a - b)[10]).toBeLessThan(200);
});

test("a fact that nobody announces is found by the poll", async () => {
  await using outbox = await givenOutbox();
  const { bus, received, count } = listeningBus();
  await using _relay = outbox.relay(bus);
  await sleep(50);

  await outbox.append({ subject: "found" });
  await count(1);

  expect(received).toMatchObject([{ subject: "found" }]);
});

test("what is rolled back is not published", async () => {
  await using outbox = await givenOutbox();
  const { bus, received, count } = listeningBus();
  const failing = outbox.database.kysely.transaction().execute(async (trx) => {
    await appendOutbox(trx, [{ id: uuidv7(), type: "loaf.baked", subject: "burnt", data: {} }]);
    throw new Error("changed my mind");
  });
  await expect(failing).rejects.toThrow("changed my mind");
  await outbox.append({ subject: "good" });

  await using _relay = outbox.relay(bus);
  await count(1);

  expect(received.map(({ subject }) => subject)).toEqual(["good"]);
});

test("one relay of a schema works at a time, and another takes over", async () => {
  await using outbox = await givenOutbox();
  let [atOnce, most] = [0, 0];
  const slow = async () => {
    most = Math.max(most, ++atOnce);
    await sleep(20);
    atOnce--;
  };
  const { bus, received, count } = listeningBus(slow);
  const relays = [outbox.relay(bus), outbox.relay(bus), outbox.relay(bus)];
  for (let n = 1; n <= 10; n++) {
    await outbox.append({ subject: `loaf ${n}` });
    for (const relay of relays) relay.wake();
  }
  await count(10);
  await relays[0]?.[Symbol.asyncDispose]();
  await relays[1]?.[Symbol.asyncDispose]();

  await outbox.append({ subject: "loaf 11" });
  relays[2]?.wake();
  await count(11);
  await relays[2]?.[Symbol.asyncDispose]();

  expect(most).toBe(1);
  expect(received.map(({ subject }) => subject)).toEqual(
    Array.from({ length: 11 }, (_, n) => `loaf ${n + 1}`),
  );
});

test("a relay that dies between publishing and marking publishes again with the same id", async () => {
  await using outbox = await givenOutbox();
  await outbox.append(...subjects(3));
  let deaths = 0;
  const { bus, received, count } = listeningBus();
  const publish = bus.publish.bind(bus);
  bus.publish = async (messages) => {
    await publish(messages);
    if (deaths++ === 0) {
      // The transaction that would mark the rows ends with its connection.
      await outbox.database.pool.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction' and datname = current_database()",
      );
    }
  };

  await using _relay = outbox.relay(bus);
  await count(6);

  expect(received.slice(3)).toEqual(received.slice(0, 3));
  await expect.poll(outbox.unpublished).toBe(0);
});

test("a bus that fails delays, and nothing is lost or reordered", async () => {
  await using outbox = await givenOutbox();
  let failures = 0;
  const { bus, received, count } = listeningBus(async () => {
    if (failures++ < 3) throw new Error("the bus is down");
  });
  await using relay = outbox.relay(bus);
  for (let n = 0; n < 5; n++) {
    await outbox.append({ subject: `loaf ${n}` });
    relay.wake();
  }
  await count(5);

  expect(failures).toBeGreaterThan(3);
  expect(received.map(({ subject }) => subject)).toEqual(subjects(5).map(({ subject }) => subject));
});

test("the effect of a message is claimed once, by one of many at once", async () => {
  await using outbox = await givenOutbox();
  const message = { id: uuidv7(), type: "loaf.baked" };
  const claim = (fail = false) =>
    outbox.database.kysely.transaction().execute(async (trx: Transaction<MessageTables>) => {
      const claimed = await claimMessage(trx, message);
      if (fail) throw new Error("the effect failed");
      return claimed;
    });

  await expect(claim(true)).rejects.toThrow("the effect failed");
  const claims = await Promise.all(Array.from({ length: 4 }, () => claim()));

  expect(claims.filter(Boolean)).toHaveLength(1);
});
