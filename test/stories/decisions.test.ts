import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { codeOf } from "#core/errors.ts";
import { decide, givenEnvironment, until, waitForRun, type TestEnvironment } from "../support/environment.ts";
import { queryDatabase } from "../support/quiet.ts";
import { givenMeeting, startStorySystem } from "../support/story.ts";

const system = await startStorySystem();
const main = 'variable "v" { default = "1" }\nresource "terraform_data" "vm" { input = var.v }\n';
const files = { "main.tf": main };

function call(id: string, decision: string, token?: string) {
  return system.call("POST", `/api/v2/runs/${id}/${decision}`, token === undefined ? {} : { token });
}

function provisioned(command: string): Record<string, string> {
  return {
    "main.tf": `resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = ${JSON.stringify(command)} }
}`,
  };
}

async function readState(environment: TestEnvironment): Promise<{ resources: { name: string }[] }> {
  return (await environment.call("GET", "/state")).body;
}

async function heldBy(environment: TestEnvironment): Promise<string | undefined> {
  return ((await environment.call("GET", "")).body as { held: { run: string } | null }).held?.run;
}

test.concurrent("of two confirmations one counts", async () => {
  const environment = await givenEnvironment(system, { files });
  const run = await environment.start();
  const early = await call(run.id, "confirm");
  await waitForRun(system, run, ["planned"]);

  const replies = await Promise.all([call(run.id, "confirm"), call(run.id, "confirm")]);

  expect(early.status).toBe(409);
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200, 409]));
  await waitForRun(system, run, ["applied"]);
});

test.concurrent("a reader sees runs and decides nothing", async () => {
  const token = await system.createToken(["acmeinc:publish"]);
  const environment = await givenEnvironment(system, { files });
  const run = await environment.start();

  const replies = await Promise.all(
    ["confirm", "discard", "cancel", "force-cancel"].map((decision) => call(run.id, decision, token)),
  );

  expect(replies.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
});

test.concurrent("a discarded plan is never applied and the next run starts", async () => {
  const environment = await givenEnvironment(system, { files });
  const run = await environment.start();
  const next = await environment.start();
  await waitForRun(system, run, ["planned"]);

  const discarded = await decide(system, run, "discard");

  expect(discarded).toMatchObject({ state: "discarded", endedBy: "admin" });
  expect(await call(run.id, "confirm")).toMatchObject({ status: 409 });
  await waitForRun(system, next, ["planned"]);
});

test.concurrent("a run that waits is canceled at once", async () => {
  const environment = await givenEnvironment(system, { files });
  const planned = await environment.start();
  const pending = await environment.start();
  await waitForRun(system, planned, ["planned"]);

  const canceled = [await decide(system, pending, "cancel"), await decide(system, planned, "cancel")];

  expect(canceled).toMatchObject([
    { state: "canceled", endedBy: "admin" },
    { state: "canceled", endedBy: "admin" },
  ]);
});

test.concurrent("a plan that is canceled is interrupted and the next run starts", async () => {
  const environment = await givenEnvironment(system, {
    files: { ...files, "before-plan.sh": "exec sleep 60" },
  });
  const run = await environment.start();
  await waitForRun(system, run, ["planning"]);
  await environment.push(files);
  const next = await environment.start();

  await decide(system, run, "cancel");

  expect(await waitForRun(system, run, ["canceled"])).toMatchObject({ endedBy: "admin" });
  await waitForRun(system, next, ["planned"]);
});

test.concurrent(
  "a plan that ends in spite of a cancel is canceled, even where plans are applied by themselves",
  async () => {
    await using meeting = await givenMeeting();
    const stubborn = { ...files, "before-plan.sh": `trap '' INT; ${meeting.gate("plan")}` };
    const environment = await givenEnvironment(system, { files: stubborn, autoApply: true });
    const run = await environment.start();
    await meeting.reached("plan");

    await decide(system, run, "cancel");
    await meeting.open("plan");

    expect(await waitForRun(system, run, ["canceled", "applied"])).toMatchObject({ state: "canceled" });
  },
);

test.concurrent(
  "an apply that is canceled saves its state, gives back the lock and leaves no process",
  async () => {
    await using meeting = await givenMeeting();
    const pidFile = meeting.file("pid");
    const slow = provisioned(`sleep 300 & echo $! > ${pidFile}; touch ${meeting.file("apply.at")}; wait`);
    const environment = await givenEnvironment(system, { files: slow, autoApply: true });
    const run = await environment.start();
    await meeting.reached("apply");

    const refused = await environment.call("DELETE", "/lock");
    await decide(system, run, "cancel");
    await waitForRun(system, run, ["canceled"]);

    expect(refused).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("run 1 is applying") },
    });
    const { resources } = await readState(environment);
    expect(resources.map(({ name }) => name)).toContain("first");
    expect(await heldBy(environment)).toBeUndefined();
    const pid = Number(await readFile(pidFile, "utf8"));
    await until("the sleeping process is gone", async () => !isAlive(pid));
    await environment.push(files);
    await waitForRun(system, await environment.start(), ["planned", "applied"]);
  },
);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

test.concurrent("an apply that ends well in spite of a cancel is applied", async () => {
  await using meeting = await givenMeeting();
  const stubborn = { ...files, "before-apply.sh": `trap '' INT; ${meeting.gate("apply")}` };
  const environment = await givenEnvironment(system, { files: stubborn, autoApply: true });
  const run = await environment.start();
  await meeting.reached("apply");

  await decide(system, run, "cancel");
  await until("the cancel has reached Terraform", async () => {
    const { body } = await system.call("GET", `/api/v2/runs/${run.id}`);
    return (body as { cancelRequested: boolean }).cancelRequested;
  });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await meeting.open("apply");

  expect(await waitForRun(system, run, ["canceled", "applied"])).toMatchObject({ state: "applied" });
});

test.concurrent(
  "an apply is killed only when it has not stopped 10 s after a cancel, and holds the environment",
  async () => {
    await using meeting = await givenMeeting();
    const stubborn = `trap '' INT; touch ${meeting.file("apply.at")}; while :; do sleep 0.2; done`;
    const environment = await givenEnvironment(system, {
      files: { ...files, "before-apply.sh": stubborn },
      autoApply: true,
    });
    const run = await environment.start();
    await meeting.reached("apply");

    const uncanceled = await call(run.id, "force-cancel");
    await decide(system, run, "cancel");
    const early = await call(run.id, "force-cancel");
    await queryDatabase(
      system,
      "update runner.run set cancel_requested_at = now() - interval '11 s' where id = $1",
      [run.id],
    );
    await decide(system, run, "force-cancel");
    await waitForRun(system, run, ["canceled"]);
    await environment.push(files);
    const next = await environment.start();

    expect(uncanceled).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("not been canceled") },
    });
    expect(early).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("less than 10 s ago") },
    });
    expect(await heldBy(environment)).toBe(run.id);
    expect(await environment.runs()).toMatchObject([
      { id: next.id, state: "pending" },
      { state: "canceled" },
    ]);
    expect(await environment.call("DELETE", "/lock")).toMatchObject({ status: 204 });
    await waitForRun(system, next, ["applied"]);
  },
);

test.concurrent(
  "a Terraform that dies while it applies holds the environment until an operator releases it",
  async () => {
    const environment = await givenEnvironment(system, {
      files: provisioned("kill -9 $PPID; sleep 5"),
      autoApply: true,
    });
    const run = await environment.start();

    const errored = await waitForRun(system, run, ["errored"]);

    expect(errored.error).toContain("terraform apply exited with SIGKILL");
    expect(await heldBy(environment)).toBe(run.id);
    expect(await environment.call("GET", "/state-versions")).toMatchObject({ status: 200 });
    await environment.push(files);
    const next = await environment.start();
    expect(await environment.call("DELETE", "/lock")).toMatchObject({ status: 204 });
    await waitForRun(system, next, ["applied"]);
  },
);

test.concurrent("a destroy run empties the state", async () => {
  const environment = await givenEnvironment(system, { files });
  await environment.apply();

  const destroyed = await environment.apply({ destroy: true });

  expect(destroyed).toMatchObject({ state: "applied", destroy: true, changes: { destroy: 1, add: 0 } });
  expect((await readState(environment)).resources).toEqual([]);
});

test.concurrent("only an admin lets plans be applied by themselves", async () => {
  const operator = await system.createToken(["acmeinc:operate"]);
  const environment = await givenEnvironment(system, { files });
  const body = { autoApply: true };

  const refused = await system.call("PATCH", environment.url, { token: operator, body });
  const allowed = await system.call("PATCH", environment.url, { body });

  expect([refused.status, allowed.status]).toEqual([403, 200]);
  const run = await waitForRun(system, await environment.start(), ["applied"]);
  expect(run).toMatchObject({ confirmedBy: "auto-apply" });
});

test.concurrent("a plan without changes ends the run and the next one starts", async () => {
  const environment = await givenEnvironment(system, { files });
  await environment.apply();

  const runs = [await environment.start(), await environment.start()];

  for (const run of runs) await waitForRun(system, run, ["planned_no_changes"]);
  expect(await environment.runs()).toHaveLength(3);
});
