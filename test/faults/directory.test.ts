import { expect, test } from "vitest";
import { startIngot } from "../support/process.ts";
import { listVersions, publish } from "./given.ts";

test("a data directory has one Ingot at a time, and another one after a kill", async () => {
  await using ingot = await startIngot();
  await publish(ingot);

  const { code, output } = await ingot.startSecond();

  expect(code).toBeGreaterThan(0);
  expect(output).toMatch(new RegExp(`Cannot use "${ingot.dataDir}".* process ${ingot.pid} `));
  expect(await listVersions(ingot)).toHaveLength(1);

  await ingot.kill();
  await ingot.start();

  expect(await listVersions(ingot)).toHaveLength(1);
});
