import { describe, expect, test } from "vitest";
import { openProbe } from "../support/probe.ts";
import { findProcesses } from "../support/processes.ts";
import { startIngot, type Ingot } from "../support/process.ts";
import { hasTerraform } from "../support/terraform.ts";
import { openGate } from "./gate.ts";
import { askRun, givenEnvironment, listRuns, untilRun } from "./given.ts";

const main = `resource "terraform_data" "web" { input = "ami-1" }`;

const ways = [
  { name: "alone", stubborn: false, kill: (ingot: Ingot) => ingot.kill() },
  { name: "alone, and Terraform ignores interrupts", stubborn: true, kill: (ingot: Ingot) => ingot.kill() },
  { name: "with all it has started", stubborn: false, kill: (ingot: Ingot) => ingot.killEverything() },
];

describe.skipIf(!(await hasTerraform())).concurrent("a plan begins again when Ingot is killed", () => {
  test.each(ways)("$name", async ({ stubborn, kill }) => {
    await using gate = await openGate({ hold: ["plan"], stubborn });
    await using ingot = await startIngot({ settings: { INGOT_TERRAFORM: gate.program } });
    const environment = await givenEnvironment(ingot, { main });
    const { id } = await askRun(ingot, environment);
    const first = await gate.untilStarted("plan");
    const dead = await gate.environment("plan");
    expect(await lockState(dead)).toBe(200);

    await kill(ingot);
    await ingot.start();
    const startedAt = performance.now();
    const second = await gate.untilStarted("plan", 2);

    expect(performance.now() - startedAt).toBeLessThan(stubborn ? 35_000 : 20_000);
    expect(await findProcesses(`ATLAS_RUN_ID=${id}`)).not.toContain(first);
    expect(await lockState(dead)).toBe(401);

    await gate.release("plan");
    await untilRun(ingot, id, "planned");
    expect(await gate.starts("plan")).toEqual([first, second]);
    expect(await listRuns(ingot, environment)).toHaveLength(1);
    await using probe = await openProbe(await ingot.databaseUrl());
    expect(await probe.count("select count(*) from runner.outbox where type = 'run.planned'")).toBe(1);
    expect(await probe.count("select count(*) from runner.state_lock")).toBe(0);
  });
});

/** Takes the state lock as the Terraform of a run does; answers the status. */
async function lockState(run: Record<string, string>): Promise<number> {
  const { TF_HTTP_LOCK_ADDRESS = "", TF_HTTP_USERNAME, TF_HTTP_PASSWORD } = run;
  const credentials = Buffer.from(`${TF_HTTP_USERNAME}:${TF_HTTP_PASSWORD}`).toString("base64");
  const reply = await fetch(TF_HTTP_LOCK_ADDRESS, {
    method: "LOCK",
    headers: { authorization: `Basic ${credentials}` },
    body: JSON.stringify({ ID: "lock of a plan", Operation: "OperationTypePlan", Who: "plan" }),
  });
  await reply.body?.cancel();
  return reply.status;
}
