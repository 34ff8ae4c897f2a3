import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openProbe } from "../support/probe.ts";
import { startIngot, type Ingot } from "../support/process.ts";
import { hasTerraform } from "../support/terraform.ts";
import { openGate, type Gate } from "./gate.ts";
import {
  askRun,
  givenEnvironment,
  listRuns,
  listVersions,
  numbersTo,
  publish,
  publishByAtlas,
  untilRun,
  type Run,
} from "./given.ts";

const resources = new AsyncDisposableStack();
let ingot: Ingot;

afterAll(() => resources.disposeAsync());

describe("a crowd of publishers", () => {
  beforeAll(async () => {
    ingot = resources.use(await startIngot());
  });

  test("of one artifact gets dense, unique numbers", async () => {
    const acknowledged = await publishAtOnce(200, () => "acmeinc/web");

    const versions = await listVersions(ingot, "acmeinc/web");
    expect(versions.map(({ number }) => number)).toEqual(numbersTo(200));
    expect(new Map(versions.map(({ number, builds }) => [builds[0]?.externalId, number]))).toEqual(
      acknowledged,
    );
  });

  test("of twenty artifacts gets dense, unique numbers", async () => {
    const artifact = (index: number) => `acmeinc/many-${index % 20}`;
    const acknowledged = await publishAtOnce(400, artifact);

    for (const index of numbersTo(20)) {
      const versions = await listVersions(ingot, artifact(index));
      expect(versions.map(({ number }) => number)).toEqual(numbersTo(20));
      for (const { number, builds } of versions) {
        expect(acknowledged.get(builds[0]?.externalId)).toBe(number);
      }
    }
  });

  test("with one Idempotency-Key makes one version", async () => {
    const replies = await Promise.all(
      numbersTo(10).map(() => publish(ingot, { artifact: "acmeinc/once", key: "the same" })),
    );

    expect(replies.map(({ version }) => version.number)).toEqual(Array(10).fill(1));
    expect(await listVersions(ingot, "acmeinc/once")).toHaveLength(1);
  });
});

describe.skipIf(!(await hasTerraform()))("a crowd of operators", () => {
  let gate: Gate;
  let environment: string;

  beforeAll(async () => {
    gate = resources.use(await openGate());
    const settings = { INGOT_TERRAFORM: gate.program };
    ingot = resources.use(await startIngot({ settings }));
    // Every plan has something to do.
    const main = `resource "terraform_data" "web" {
      triggers_replace = timestamp()
      provisioner "local-exec" {
        command = "echo $ATLAS_RUN_ID >> ${gate.directory}/applied"
      }
    }`;
    environment = await givenEnvironment(ingot, { main });
  });

  test("with one Idempotency-Key asks for one run", async () => {
    const runs = await Promise.all(numbersTo(10).map(() => askRun(ingot, environment, "the same")));

    expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
    expect(await listRuns(ingot, environment)).toHaveLength(1);
    await untilRun(ingot, runs[0]?.id ?? "", "planned");
    await decide(runs[0] as Run, ["discard"]);
  });

  test.each([2, 10])("of %s confirms a plan once", async (count) => {
    const run = await givenPlannedRun();

    expect(await decide(run, Array(count).fill("confirm"))).toEqual([200, ...Array(count - 1).fill(409)]);

    await untilRun(ingot, run.id, "applied");
    expect((await gate.lines("applied")).filter((id) => id === run.id)).toHaveLength(1);
  });

  test("confirms and discards a plan, and one wins", async () => {
    const run = await givenPlannedRun();

    expect(await decide(run, ["confirm", "discard", "confirm", "discard"])).toEqual([200, 409, 409, 409]);

    await using probe = await openProbe(await ingot.databaseUrl());
    const decisions = await probe.count(
      "select count(*) from runner.outbox where type in ('run.confirmed', 'run.discarded') and data->'run'->>'id' = $1",
      [run.id],
    );
    expect(decisions).toBe(1);
  });

  async function givenPlannedRun(): Promise<Run> {
    const { id } = await askRun(ingot, environment);
    return untilRun(ingot, id, "planned");
  }

  /** The statuses of decisions that are made at once, sorted. */
  async function decide({ id }: Run, decisions: string[]): Promise<number[]> {
    const replies = await Promise.all(
      decisions.map((decision) => ingot.call("POST", `/api/v2/runs/${id}/${decision}`)),
    );
    return replies.map(({ status }) => status).toSorted((one, other) => one - other);
  }
});

/** Publishes by both wires, all at once; answers external id → number of what was acknowledged. */
async function publishAtOnce(
  count: number,
  artifactOf: (index: number) => string,
): Promise<Map<string | undefined, number>> {
  const published = await Promise.all(
    numbersTo(count).map(async (index) => {
      const options = { artifact: artifactOf(index), externalId: `us-east-1:ami-${index}` };
      const number =
        index % 2 === 0
          ? await publishByAtlas(ingot, options)
          : (await publish(ingot, options)).version.number;
      return [options.externalId, number] as const;
    }),
  );
  return new Map(published);
}
