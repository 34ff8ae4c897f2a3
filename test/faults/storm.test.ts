import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { openProbe, until, type Probe } from "../support/probe.ts";
import { startIngot, type Ingot } from "../support/process.ts";
import { hasTerraform } from "../support/terraform.ts";
import { givenEnvironment, listRuns, listVersions, numbersTo, publish, publishByAtlas } from "./given.ts";

/** More of them find rarer faults: INGOT_FAULT_ROUNDS=100. */
const rounds = Number(process.env["INGOT_FAULT_ROUNDS"] ?? 8);
const publishers = 4;
const betweenPublishesMs = 30;
const longestRoundMs = 1500;
const artifacts = ["acmeinc/web", "acmeinc/database"];

test.skipIf(!(await hasTerraform()))(
  "nothing acknowledged is lost, and nothing happens twice, though Ingot is killed at random moments",
  { timeout: 120_000 + rounds * 20_000 },
  async () => {
    await using ingot = await startIngot();
    const environments = new Map<string, string>();
    for (const artifact of artifacts) {
      const name = artifact.replace("acmeinc/", "");
      const main = `variable "image" {}\nresource "terraform_data" "web" { input = var.image }`;
      environments.set(artifact, await givenEnvironment(ingot, { name, main, inputs: { image: artifact } }));
    }

    const acknowledged = new Map<string, number>();
    for (const round of numbersTo(rounds)) {
      const load = Promise.all(
        numbersTo(publishers).map((who) => publishOn(ingot, `${round}-${who}`, acknowledged)),
      );
      await sleep(Math.random() * longestRoundMs);
      await (Math.random() < 0.5 ? ingot.kill() : ingot.killEverything());
      await load;
      await ingot.start();
    }
    // What was cut off is not repeated, so each artifact gets a last version that is surely announced.
    for (const artifact of artifacts) await publish(ingot, { artifact, externalId: "us-east-1:ami-last" });

    expect(acknowledged.size).toBeGreaterThan(rounds);
    await using probe = await openProbe(await ingot.databaseUrl());
    await untilQuiet(probe);
    for (const [artifact, environment] of environments) {
      await expectConsistent(ingot, { artifact, environment, acknowledged });
    }
  },
);

/** Publishes one version after the other, by both wires, until it is cut off. */
async function publishOn(ingot: Ingot, who: string, acknowledged: Map<string, number>): Promise<void> {
  for (let count = 0; ; count++, await sleep(betweenPublishesMs)) {
    const artifact = artifacts[count % artifacts.length] ?? "";
    const externalId = `us-east-1:ami-${who}-${count}`;
    try {
      const number =
        count % 4 < 2
          ? await publishByAtlas(ingot, { artifact, externalId })
          : (await publish(ingot, { artifact, externalId, key: externalId })).version.number;
      acknowledged.set(`${artifact} ${externalId}`, number);
    } catch {
      return;
    }
  }
}

/** Waits until all is announced and handled, and all plans are made. */
async function untilQuiet(probe: Probe): Promise<void> {
  const left = `select
    (select count(*) from registry.outbox where published_at is null)
    + (select count(*) from trigger.outbox where published_at is null)
    + (select count(*) from runner.outbox where published_at is null)
    + (select count(*) from bus_jobs.job where state in ('created', 'retry', 'active'))
    + (select count(*) from runner_jobs.job where state in ('created', 'retry', 'active'))`;
  await until("nothing is under way", async () => (await probe.count(left)) === 0, { timeoutMs: 90_000 });
}

interface Story {
  artifact: string;
  environment: string;
  acknowledged: ReadonlyMap<string, number>;
}

async function expectConsistent(ingot: Ingot, { artifact, environment, acknowledged }: Story): Promise<void> {
  const versions = await listVersions(ingot, artifact);
  expect(versions.map(({ number }) => number)).toEqual(numbersTo(versions.length));
  const stored = new Map(
    versions.map(({ number, builds }) => [`${artifact} ${builds[0]?.externalId}`, number]),
  );
  expect(stored.size).toBe(versions.length);
  const own = [...acknowledged].filter(([version]) => version.startsWith(`${artifact} `));
  expect(own.map(([version]) => [version, stored.get(version)])).toEqual(own);

  const runs = await listRuns(ingot, environment);
  expect(runs.map(({ cause }) => cause.version)).toEqual(numbersTo(versions.length));
  expect(new Set(runs.map(({ cause }) => cause.event)).size).toBe(versions.length);
  expect(runs.at(-1)).toMatchObject({ state: "planned" });
  expect(new Set(runs.slice(0, -1).map(({ state }) => state))).toEqual(new Set(["superseded"]));
}
