import { expect, test } from "vitest";
import { decide, givenEnvironment, publish, waitForRun } from "../support/environment.ts";
import { waitUntilQuiet } from "../support/quiet.ts";
import { givenMeeting, startStorySystem } from "../support/story.ts";
import { startTestSystem } from "../support/system.ts";

const system = await startStorySystem();
const main = 'variable "ami" { default = "none" }\nresource "terraform_data" "vm" { input = var.ami }\n';
const files = { "main.tf": main };

test.concurrent("a newer version supersedes a run that waits for confirmation", async () => {
  await publish(system, "acmeinc/waiting", { id: "ami-1" });
  const environment = await givenEnvironment(system, { files, inputs: { ami: "acmeinc/waiting:latest" } });
  await environment.apply();

  await publish(system, "acmeinc/waiting", { id: "ami-2" });
  await environment.run(2, ["planned"]);
  await publish(system, "acmeinc/waiting", { id: "ami-3" });
  const newest = await environment.run(3, ["planned"]);

  expect(newest).toMatchObject({ inputs: [{ id: "ami-3", version: 3, previous: { id: "ami-1" } }] });
  expect(await environment.run(2, ["superseded"])).toMatchObject({ supersededBy: newest.id });
});

test.concurrent("a newer version supersedes a run that is planning as soon as it is planned", async () => {
  await using meeting = await givenMeeting();
  const slow = { ...files, "before-plan.sh": meeting.gate("plan") };
  const environment = await givenEnvironment(system, {
    files: slow,
    inputs: { ami: "acmeinc/planning:latest" },
    autoApply: true,
  });
  await publish(system, "acmeinc/planning", { id: "ami-1" });
  await meeting.reached("plan");

  await publish(system, "acmeinc/planning", { id: "ami-2" });
  const newer = await environment.run(2, ["pending"]);
  await meeting.open("plan");

  expect(await environment.run(1, ["superseded"])).toMatchObject({ supersededBy: newer.id });
  expect(await waitForRun(system, newer, ["applied"])).toMatchObject({ inputs: [{ id: "ami-2" }] });
});

test.concurrent("what a user asked for is not superseded and holds back newer versions", async () => {
  await publish(system, "acmeinc/asked", { id: "ami-1" });
  const environment = await givenEnvironment(system, { files, inputs: { ami: "acmeinc/asked:latest" } });
  const asked = await environment.start({ message: "by hand" });
  await waitForRun(system, asked, ["planned"]);

  await publish(system, "acmeinc/asked", { id: "ami-2" });
  await environment.run(2, ["pending"]);
  await waitUntilQuiet(system);
  const before = await environment.runs();
  await decide(system, asked, "confirm");
  const after = await environment.run(2, ["planned"]);

  expect(before).toMatchObject([{ state: "pending" }, { state: "planned" }]);
  expect(after).toMatchObject({ inputs: [{ id: "ami-2", previous: { id: "ami-1" } }] });
});

test.concurrent("of several versions behind a user's run only the newest is planned", async () => {
  await publish(system, "acmeinc/burst", { id: "ami-1" });
  const environment = await givenEnvironment(system, { files, inputs: { ami: "acmeinc/burst:latest" } });
  const asked = await environment.start();
  await waitForRun(system, asked, ["planned"]);

  await publish(system, "acmeinc/burst", { id: "ami-2" });
  await environment.run(2, ["pending"]);
  await publish(system, "acmeinc/burst", { id: "ami-3" });
  const newest = await environment.run(3, ["pending"]);
  await decide(system, asked, "discard");

  expect(await environment.run(2, ["superseded"])).toMatchObject({ supersededBy: newest.id });
  expect(await environment.run(3, ["planned"])).toMatchObject({ inputs: [{ version: 3 }] });
});

test.concurrent("runs of an environment take turns in their order", async () => {
  const environment = await givenEnvironment(system, { files });
  const runs = [await environment.start(), await environment.start(), await environment.start()];

  const seen: string[][] = [];
  for (const run of runs) {
    await waitForRun(system, run, ["planned"]);
    seen.push((await environment.runs()).map(({ state }) => state).reverse());
    await decide(system, run, "discard");
  }

  expect(seen).toEqual([
    ["planned", "pending", "pending"],
    ["discarded", "planned", "pending"],
    ["discarded", "discarded", "planned"],
  ]);
});

test.concurrent("no more phases run at once than the limit allows", async () => {
  await using limited = await startTestSystem({ settings: { INGOT_RUN_CONCURRENCY: "1" } });
  await using meeting = await givenMeeting();
  const slow = `resource "terraform_data" "slow" {
    provisioner "local-exec" { command = ${JSON.stringify(meeting.gate("apply"))} }
  }`;
  const [one, other] = [
    await givenEnvironment(limited, { files: { "main.tf": slow }, autoApply: true }),
    await givenEnvironment(limited, { files }),
  ];

  const first = await one.start();
  await meeting.reached("apply");
  const second = await other.start();
  await waitUntilQuiet(limited);
  const meanwhile = await other.runs();
  await meeting.open("apply");

  expect(meanwhile).toMatchObject([{ state: "pending" }]);
  await waitForRun(limited, first, ["applied"]);
  await waitForRun(limited, second, ["planned"]);
});
