import { describe, expect, test } from "vitest";
import { openProbe, until } from "../support/probe.ts";
import { findProcesses } from "../support/processes.ts";
import { startIngot, type Ingot } from "../support/process.ts";
import { hasTerraform } from "../support/terraform.ts";
import { openGate } from "./gate.ts";
import { accepted, askRun, givenEnvironment, listRuns, untilRun } from "./given.ts";

const boundMs = 20_000;

describe.skipIf(!(await hasTerraform())).concurrent("Ingot stops in order", () => {
  test.each([
    { name: "during a plan", stubborn: false },
    { name: "during a plan that ignores interrupts", stubborn: true },
  ])("$name, and finishes it when it is started again", async ({ stubborn }) => {
    await using gate = await openGate({ hold: ["plan"], stubborn });
    await using ingot = await startIngot({ settings: { INGOT_TERRAFORM: gate.program } });
    const environment = await givenEnvironment(ingot, { main: `resource "terraform_data" "web" {}` });
    const { id } = await askRun(ingot, environment);
    await gate.untilStarted("plan");

    expect(await stop(ingot)).toBe(0);
    expect(await findProcesses(`ATLAS_RUN_ID=${id}`)).toEqual([]);
    await gate.release("plan");
    await ingot.start();

    await untilRun(ingot, id, "planned");
    expect(await listRuns(ingot, environment)).toHaveLength(1);
    expect(await gate.starts("plan")).toHaveLength(2);
  });

  test("during an apply, whose state is saved and unlocked", async () => {
    await using gate = await openGate();
    await using ingot = await startIngot({ settings: { INGOT_TERRAFORM: gate.program } });
    const command = `echo $ATLAS_RUN_ID >> ${gate.directory}/applied; sleep 600`;
    const main = `resource "terraform_data" "web" {
      provisioner "local-exec" {
        command = "${command}"
      }
    }`;
    const environment = await givenEnvironment(ingot, { main });
    const { id } = await askRun(ingot, environment);
    await untilRun(ingot, id, "planned");
    accepted(await ingot.call("POST", `/api/v2/runs/${id}/confirm`), 200);
    await until("the apply is under way", async () => (await gate.lines("applied")).length > 0);

    expect(await stop(ingot)).toBe(0);
    expect(await findProcesses(`ATLAS_RUN_ID=${id}`)).toEqual([]);
    await ingot.start();

    expect(await untilRun(ingot, id, "errored")).toMatchObject({
      error: expect.stringContaining("stopped") as unknown,
    });
    await using probe = await openProbe(await ingot.databaseUrl());
    expect(await probe.count("select count(*) from runner.state_lock")).toBe(0);
    const state = await ingot.call("GET", `${environment}/state`);
    expect(state).toMatchObject({ status: 200, body: { resources: [{ type: "terraform_data" }] } });
    expect(await gate.lines("applied")).toEqual([id]);
  });
});

/** The exit code; fails when it takes too long. */
async function stop(ingot: Ingot): Promise<number | null> {
  const startedAt = performance.now();
  const { code } = await ingot.stop();
  expect(performance.now() - startedAt).toBeLessThan(boundMs);
  return code;
}
