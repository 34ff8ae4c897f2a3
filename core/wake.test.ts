import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { Wake } from "./wake.ts";

const never = 60_000;

test("a ring ends the wait", async () => {
  const wake = new Wake();
  const waiting = wake.wait(never, new AbortController().signal);

  wake.ring();

  await expect(waiting).resolves.toBeUndefined();
});

test("rings while nobody waits are remembered once", async () => {
  const wake = new Wake();
  const signal = new AbortController().signal;
  wake.ring();
  wake.ring();

  await wake.wait(never, signal);

  const second = wake.wait(20, signal).then(() => "waited");
  await expect(Promise.race([second, Promise.resolve("returned at once")])).resolves.toBe("returned at once");
  await second;
});

test("an abort ends the wait, before it and during it", async () => {
  const wake = new Wake();
  const stop = new AbortController();
  const during = wake.wait(never, stop.signal);

  stop.abort();

  await expect(Promise.all([during, wake.wait(never, stop.signal)])).resolves.toHaveLength(2);
});

test("waits that run out leave nothing on the signal", async () => {
  const wake = new Wake();
  const { signal } = new AbortController();

  for (let count = 0; count < 20; count++) await wake.wait(1, signal);

  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});
