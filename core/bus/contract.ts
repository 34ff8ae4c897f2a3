import { describe, expect, test } from "vitest";
import { uuidv7 } from "../id.ts";
import type { Bus, DeadLetter, Message, RetryPolicy } from "./bus.ts";

/** What the transport under test is opened with. */
export const contractRetry: RetryPolicy = { attempts: 3, backoffSeconds: 1, maxBackoffSeconds: 2 };

export interface BusUnderTest extends AsyncDisposable {
  /** Opens the bus anew, on what earlier openings have left. */
  open(): Promise<Bus>;
  /** Another process, reading `type` as `reader`, that has taken a message and never finishes with it. */
  holdElsewhere(reader: string, type: string): Promise<{ received: Promise<void>; kill(): Promise<void> }>;
}

interface Loaf extends Message {
  readonly n: number;
}

function loaf(n: number, subject = "rye", type = "loaf.baked"): Loaf {
  return { id: uuidv7(), type, subject, n };
}

/** What a reader got, and a way to wait until that is enough. */
function collect(handle: (message: Loaf) => Promise<void> | void = () => undefined) {
  const received: Loaf[] = [];
  const watchers = new Set<() => void>();
  return {
    received,
    handle: async (message: Loaf) => {
      await handle(message);
      received.push(message);
      for (const look of watchers) look();
    },
    until: (enough: (received: readonly Loaf[]) => boolean) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!enough(received)) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
  };
}

const types = ["loaf.baked"];
const numbers = (loaves: readonly Loaf[]) => loaves.map(({ n }) => n);
const ascending = (one: number, other: number) => one - other;
const countTo = (count: number) => Array.from({ length: count }, (_, index) => index);

/** The promises of a bus, whichever carries it. */
export function testBus(transport: string, start: () => Promise<BusUnderTest>): void {
  const timeout = 60_000;
  describe.concurrent(`the bus ${transport}`, { timeout }, () => {
    test("a message arrives as it was published, at readers of its type", async () => {
      await using place = await start();
      await using bus = await place.open();
      const baked = collect();
      const sold = collect();
      await using _baker = await bus.read({ name: "baker", types, handle: baked.handle });
      await using _seller = await bus.read({ name: "seller", types: ["loaf.sold"], handle: sold.handle });
      const message = { ...loaf(1), data: { nested: ["é", null, 1.5, "\u{1F600}"] } };

      await bus.publish([message, loaf(2, "rye", "loaf.sold")]);
      await Promise.all([
        baked.until(({ length }) => length === 1),
        sold.until(({ length }) => length === 1),
      ]);

      expect(baked.received).toEqual([message]);
      expect(numbers(sold.received)).toEqual([2]);
    });

    test("a reader that was away catches up, through a restart of the bus", async () => {
      await using place = await start();
      const before = collect();
      {
        await using bus = await place.open();
        await using _reader = await bus.read({ name: "baker", types, handle: before.handle });
        await bus.publish([loaf(0)]);
        await before.until(({ length }) => length === 1);
      }
      {
        await using bus = await place.open();
        await bus.publish([1, 2, 3].map((n) => loaf(n)));
      }

      await using bus = await place.open();
      const after = collect();
      await using _reader = await bus.read({ name: "baker", types, handle: after.handle });
      await after.until(({ length }) => length === 3);

      expect(numbers(after.received)).toEqual([1, 2, 3]);
    });

    test("each of two readers gets everything", async () => {
      await using place = await start();
      await using bus = await place.open();
      const readers = [collect(), collect()];
      await using _one = await bus.read({ name: "one", types, handle: readers[0]!.handle });
      await using _two = await bus.read({ name: "two", types, handle: readers[1]!.handle });

      await bus.publish(countTo(30).map((n) => loaf(n)));
      await Promise.all(readers.map(({ until }) => until(({ length }) => length === 30)));

      for (const { received } of readers) expect(numbers(received)).toEqual(countTo(30));
    });

    test("two processes that read as one share the messages, in order per subject", async () => {
      await using place = await start();
      await using first = await place.open();
      await using second = await place.open();
      const shared = collect();
      await using _one = await first.read({ name: "baker", types, handle: shared.handle });
      await using _two = await second.read({ name: "baker", types, handle: shared.handle });
      const loaves = countTo(60).map((n) => loaf(n, `loaf ${n % 6}`));

      await first.publish(loaves);
      await shared.until(({ length }) => length === 60);

      expect(new Set(numbers(shared.received)).size).toBe(60);
      expectOrderPerSubject(shared.received);
    });

    test("the same id published twice, at once or later, arrives once", async () => {
      await using place = await start();
      await using bus = await place.open();
      const reader = collect();
      await using _reader = await bus.read({ name: "baker", types, handle: reader.handle });
      const twice = loaf(1);

      await Promise.all([bus.publish([twice, twice]), bus.publish([twice])]);
      await reader.until(({ length }) => length === 1);
      await bus.publish([twice]);
      await bus.publish([loaf(2)]);
      await reader.until((received) => received.some(({ n }) => n === 2));

      expect(numbers(reader.received)).toEqual([1, 2]);
    });

    test("1000 messages over 20 subjects arrive in order per subject, with failures in between", async () => {
      await using place = await start();
      await using bus = await place.open();
      const failed = new Set<number>();
      const reader = collect(({ n }) => {
        if (n % 97 !== 0 || failed.has(n)) return;
        failed.add(n);
        throw new Error(`loaf ${n} fell down`);
      });
      await using _reader = await bus.read({ name: "baker", types, handle: reader.handle });

      await bus.publish(countTo(1000).map((n) => loaf(n, `loaf ${n % 20}`)));
      await reader.until((received) => new Set(numbers(received)).size === 1000);

      expect(failed.size).toBe(11);
      expect(reader.received).toHaveLength(1000);
      expectOrderPerSubject(reader.received);
    });

    test("several publish at once and everything arrives, each one's in its order", async () => {
      await using place = await start();
      await using bus = await place.open();
      await using another = await place.open();
      const reader = collect();
      await using _reader = await bus.read({ name: "baker", types, handle: reader.handle });
      const publishInTurn = async (publisher: number) => {
        for (const n of countTo(20))
          await (publisher % 2 ? bus : another).publish([loaf(n, `oven ${publisher}`)]);
      };

      await Promise.all(countTo(6).map(publishInTurn));
      await reader.until(({ length }) => length === 120);

      expect(reader.received).toHaveLength(120);
      expectOrderPerSubject(reader.received);
    });

    test("a message that fails or takes its time holds back its subject alone", async () => {
      await using place = await start();
      await using bus = await place.open();
      const release = Promise.withResolvers<void>();
      let broken = true;
      const reader = collect(async ({ subject }) => {
        if (subject === "slow") await release.promise;
        if (subject === "broken" && broken) throw new Error("still broken");
      });
      await using _reader = await bus.read({ name: "baker", types, handle: reader.handle });
      await bus.publish([loaf(0, "slow"), loaf(1, "broken"), loaf(2, "slow"), loaf(3, "broken")]);

      await bus.publish([loaf(4, "fine")]);
      await reader.until(({ length }) => length === 1);
      await bus.publish([loaf(5, "fine"), loaf(6, "also fine")]);
      await reader.until(({ length }) => length === 3);
      const others = numbers(reader.received).toSorted(ascending);
      broken = false;
      release.resolve();
      await reader.until(({ length }) => length === 7);

      expect(others).toEqual([4, 5, 6]);
      expectOrderPerSubject(reader.received);
    });

    test("a message that fails comes again after a wait, and the wait grows", async () => {
      await using place = await start();
      await using bus = await place.open();
      const attemptsAt: number[] = [];
      const reader = collect(() => {
        attemptsAt.push(performance.now());
        if (attemptsAt.length < contractRetry.attempts) throw new Error("not yet");
      });
      await using _reader = await bus.read({ name: "baker", types, handle: reader.handle });

      await bus.publish([loaf(1)]);
      await reader.until(({ length }) => length === 1);

      const waits = attemptsAt.slice(1).map((at, index) => at - (attemptsAt[index] ?? 0));
      expect(waits).toHaveLength(2);
      // Jitter may halve a wait.
      for (const wait of waits) expect(wait).toBeGreaterThan(contractRetry.backoffSeconds * 450);
      expect(await bus.deadLetters()).toEqual([]);
    });

    test("after its last attempt a message is a dead letter, and its subject goes on", async () => {
      await using place = await start();
      await using bus = await place.open();
      let attempts = 0;
      const reader = collect(({ n }) => {
        if (n !== 1) return;
        attempts++;
        throw new Error(`attempt ${attempts} failed`);
      });
      await using _reader = await bus.read({ name: "baker", types, handle: reader.handle });
      const [bad, next] = [loaf(1), loaf(2)];

      await bus.publish([bad, next]);
      await reader.until(({ length }) => length === 1);

      expect(reader.received).toEqual([next]);
      expect(attempts).toBe(contractRetry.attempts);
      const letter = { reader: "baker", message: bad, error: "attempt 3 failed", attempts: 3 };
      expect(await bus.deadLetters()).toEqual([
        { ...letter, failedAt: expect.any(Date) as Date } satisfies DeadLetter,
      ]);
    });

    test("a message whose reader is killed in the middle comes again", async () => {
      await using place = await start();
      const holder = await place.holdElsewhere("baker", "loaf.baked");
      await using bus = await place.open();
      const loaves = [loaf(1), loaf(2)];
      await bus.publish(loaves);
      await holder.received;

      await holder.kill();
      const reader = collect();
      await using _reader = await bus.read({ name: "baker", types, handle: reader.handle });
      await reader.until(({ length }) => length === 2);

      expect(reader.received).toEqual(loaves);
    });
  });
}

/** Numbers of one subject rise. */
function expectOrderPerSubject(received: readonly Loaf[]): void {
  const bySubject = Object.groupBy(received, ({ subject }) => subject);
  for (const [subject, loaves = []] of Object.entries(bySubject)) {
    const numbered = { subject, order: numbers(loaves) };
    expect(numbered).toEqual({ subject, order: numbers(loaves).toSorted(ascending) });
  }
}
