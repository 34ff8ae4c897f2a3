import { describe, expect, test } from "vitest";
import { openProbe, until } from "../support/probe.ts";
import { findProcesses } from "../support/processes.ts";
import { startIngot, type Ingot } from "../support/process.ts";
import { hasTerraform } from "../support/terraform.ts";
import { openGate, type Gate } from "./gate.ts";
import { accepted, askRun, getRun, givenEnvironment, listRuns, untilRun, type Run } from "./given.ts";

const ways = [
  { name: "alone", kill: (ingot: Ingot) => ingot.kill() },
  { name: "with all it has started", kill: (ingot: Ingot) => ingot.killEverything() },
];

describe.skipIf(!(await hasTerraform())).concurrent("no plan is applied twice", () => {
  test.each(ways)("when Ingot is killed $name while it applies", async ({ kill }) => {
    await using gate = await openGate({ hold: ["provisioner"] });
    await using ingot = await startIngot({ settings: { INGOT_TERRAFORM: gate.program } });
    const environment = await givenEnvironment(ingot, { main: slowConfiguration(gate) });
    const broken = await givenConfirmedRun(ingot, environment);
    await until("the apply is under way", async () => (await gate.lines("applied")).length > 0);

    await kill(ingot);
    await ingot.start();

    const startedAt = performance.now();
    const { error } = await untilRun(ingot, broken.id, "errored");
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    expect(error).toContain("ingot env unlock");
    expect(await held(ingot, environment)).toEqual({
      run: broken.id,
      reason: expect.stringContaining("ingot env unlock") as unknown,
    });
    expect(await findProcesses(`ATLAS_RUN_ID=${broken.id}`)).toEqual([]);
    expect(await gate.lines("applied")).toEqual([broken.id]);
    expect(await gate.starts("apply")).toHaveLength(1);

    const next = await askRun(ingot, environment);
    await using probe = await openProbe(await ingot.databaseUrl());
    const underWay = "select count(*) from runner_jobs.job where state in ('created', 'retry', 'active')";
    await until("no phase is under way", async () => (await probe.count(underWay)) === 0);
    expect(await getRun(ingot, next.id)).toMatchObject({ state: "pending" });

    accepted(await ingot.call("DELETE", `${environment}/lock`), 204);
    await gate.release("provisioner");
    await untilRun(ingot, next.id, "planned");
    accepted(await ingot.call("POST", `/api/v2/runs/${next.id}/confirm`), 200);
    await untilRun(ingot, next.id, "applied");
    expect(await held(ingot, environment)).toBeNull();
    expect(await gate.lines("applied")).toEqual([broken.id, next.id]);
    expect(await gate.lines("finished")).toEqual([next.id]);
  });

  test("when Ingot is killed between the confirmation and the apply", async () => {
    await using gate = await openGate();
    const settings = { INGOT_TERRAFORM: gate.program, INGOT_RUN_CONCURRENCY: "1" };
    await using ingot = await startIngot({ settings });
    const environment = await givenEnvironment(ingot, { main: slowConfiguration(gate) });
    const other = await givenEnvironment(ingot, { name: "other", main: "" });
    const { id } = await askRun(ingot, environment);
    await untilRun(ingot, id, "planned");
    await gate.hold("plan");
    await askRun(ingot, other);
    await gate.untilStarted("plan", 2);
    accepted(await ingot.call("POST", `/api/v2/runs/${id}/confirm`), 200);
    expect(await gate.starts("apply")).toEqual([]);

    await ingot.kill();
    await gate.release("plan");
    await ingot.start();

    await untilRun(ingot, id, "applied");
    const [waiting] = await listRuns(ingot, other);
    await untilRun(ingot, waiting?.id ?? "", "planned_no_changes");
    expect(await gate.starts("apply")).toHaveLength(1);
    expect(await gate.lines("applied")).toEqual([id]);
    expect(await held(ingot, environment)).toBeNull();
  });
});

/** Says outside of the state that it was applied, and then takes as long as the gate is held. */
function slowConfiguration({ directory }: Gate): string {
  const command = [
    `echo $ATLAS_RUN_ID >> ${directory}/applied`,
    `while [ -e ${directory}/provisioner.hold ]; do sleep 0.1; done`,
    `echo $ATLAS_RUN_ID >> ${directory}/finished`,
  ].join("; ");
  return `resource "terraform_data" "web" {
    provisioner "local-exec" {
      command = "${command}"
    }
  }`;
}

async function givenConfirmedRun(ingot: Ingot, environment: string): Promise<Run> {
  const { id } = await askRun(ingot, environment);
  await untilRun(ingot, id, "planned");
  return accepted(await ingot.call("POST", `/api/v2/runs/${id}/confirm`), 200);
}

async function held(ingot: Ingot, environment: string): Promise<unknown> {
  return accepted<{ held: unknown }>(await ingot.call("GET", environment), 200).held;
}
