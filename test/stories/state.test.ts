import { createHash, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { captureTerraform } from "#runner/terraform/capture.ts";
import { findTerraform } from "#runner/terraform/find.ts";
import { givenEnvironment, waitForRun, type TestEnvironment } from "../support/environment.ts";
import { givenMeeting, startStorySystem } from "../support/story.ts";
import type { Reply } from "../support/call.ts";

const system = await startStorySystem();

/** A user's own directory, with Terraform set up for the environment's state. */
async function givenUser(environment: TestEnvironment, { token }: { token: string }) {
  const directory = await mkdtemp(path.join(tmpdir(), "ingot-user-"));
  const address = `${system.url}${environment.url}/state`;
  const main = `terraform {
  backend "http" {
    address        = "${address}"
    lock_address   = "${address}"
    unlock_address = "${address}"
    username       = "anybody"
    password       = "${token}"
    retry_max      = 0
  }
}
resource "terraform_data" "vm" { input = "from a user" }
`;
  await mkdir(path.join(directory, "home"));
  await writeFile(path.join(directory, "main.tf"), main);
  return {
    async run(...args: string[]) {
      const { exitCode, stdout, stderr } = await captureTerraform({
        terraform: await findTerraform(),
        args,
        cwd: directory,
        env: {
          PATH: process.env["PATH"] ?? "",
          HOME: path.join(directory, "home"),
          CHECKPOINT_DISABLE: "1",
          TF_INPUT: "0",
        },
        timeoutMs: 20_000,
      });
      return { exitCode, output: stdout + stderr };
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

interface StateCall {
  token?: string;
  body?: string;
  headers?: Record<string, string>;
}

/** One call of the http backend, as Terraform makes it. */
async function callState(
  environment: TestEnvironment,
  method: string,
  { token = system.token, body, headers }: StateCall = {},
): Promise<Reply> {
  const response = await fetch(`${system.url}${environment.url}/state`, {
    method,
    headers: { authorization: `Basic ${btoa(`anybody:${token}`)}`, ...headers },
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === "" ? null : JSON.parse(text)) as never };
}

const lineage = randomUUID();

function stateOf({
  serial,
  lineage: of = lineage,
  output = "1",
}: {
  serial: number;
  lineage?: string;
  output?: string;
}) {
  return `{"version":4,"terraform_version":"1.11.4","serial":${serial},"lineage":"${of}","outputs":{"n":{"value":${output},"type":"number"}},"resources":[],"check_results":null}`;
}

async function listVersions(environment: TestEnvironment) {
  return (
    (await environment.call("GET", "/state-versions")).body as { items: { number: number; serial: number }[] }
  ).items;
}

test.concurrent("a user's Terraform plans and applies with the environment's state", async () => {
  const token = await system.createToken(["acmeinc:operate"]);
  const environment = await givenEnvironment(system);
  await using user = await givenUser(environment, { token });

  const steps = [
    await user.run("init", "-no-color"),
    await user.run("plan", "-no-color"),
    await user.run("apply", "-no-color", "-auto-approve"),
    await user.run("output", "-no-color"),
  ];

  expect(steps.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  expect(await listVersions(environment)).toMatchObject([{ createdBy: "acmeinc:operate", run: null }]);
  expect(await environment.call("GET", "/state")).toMatchObject({ body: { resources: [{ name: "vm" }] } });
});

test.concurrent(
  "a lock that somebody holds is told by its id, and an operator can force it open",
  async () => {
    const environment = await givenEnvironment(system);
    await using user = await givenUser(environment, { token: system.token });
    await user.run("init", "-no-color");
    const holder = {
      ID: randomUUID(),
      Operation: "OperationTypeApply",
      Who: "alice@host",
      Created: "2026-01-01T00:00:00Z",
    };
    const locked = await callState(environment, "LOCK", { body: JSON.stringify(holder) });

    const refused = await user.run("plan", "-no-color");
    const again = await callState(environment, "LOCK", { body: JSON.stringify({ ID: "another" }) });
    const unlocked = await user.run("force-unlock", "-force", holder.ID);
    const planned = await user.run("plan", "-no-color");

    expect([locked.status, refused.exitCode, unlocked.exitCode, planned.exitCode]).toEqual([200, 1, 0, 0]);
    expect(refused.output.replaceAll("\n", " ")).toContain(`already locked: ID=${holder.ID}`);
    expect(again).toEqual({ status: 423, body: holder });
  },
);

test.concurrent(
  "a run's token is good for its environment's state alone, while the run is at work",
  async () => {
    await using meeting = await givenMeeting();
    const environment = await givenEnvironment(system, {
      files: {
        "main.tf": 'resource "terraform_data" "vm" {}\n',
        "before-plan.sh": `printf %s "$INGOT_TOKEN" > ${meeting.file("token")}; ${meeting.gate("plan")}`,
      },
    });
    const other = await givenEnvironment(system);
    await callState(other, "LOCK", { body: '{"ID":"held"}' });
    await callState(environment, "LOCK", { body: '{"ID":"held"}' });
    const run = await environment.start();
    await meeting.reached("plan");
    const token = await readFile(meeting.file("token"), "utf8");

    const own = await callState(environment, "GET", { token });
    const forced = await callState(environment, "UNLOCK", { token });
    const stolen = await callState(environment, "UNLOCK", { token, body: '{"ID":"held"}' });
    const foreign = [
      await callState(other, "GET", { token }),
      await callState(other, "POST", { token, body: stateOf({ serial: 1 }) }),
      await callState(other, "LOCK", { token, body: '{"ID":"mine"}' }),
      await callState(other, "UNLOCK", { token, body: '{"ID":"held"}' }),
    ];
    const decided = await system.call("POST", `/api/v2/runs/${run.id}/cancel`, { token });
    await callState(environment, "UNLOCK", { body: '{"ID":"held"}' });
    await meeting.open("plan");
    await waitForRun(system, run, ["planned"]);

    expect([own.status, forced.status, stolen.status, decided.status]).toEqual([204, 403, 423, 403]);
    expect(foreign.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    expect(await callState(environment, "GET", { token })).toMatchObject({ status: 401 });
  },
);

test.concurrent("a lock that a run at work holds is not forced open", async () => {
  await using meeting = await givenMeeting();
  const command = JSON.stringify(meeting.gate("apply"));
  const main = `resource "terraform_data" "vm" {\n  provisioner "local-exec" { command = ${command} }\n}\n`;
  const environment = await givenEnvironment(system, { files: { "main.tf": main }, autoApply: true });
  const run = await environment.start();
  await meeting.reached("apply");

  const forced = await callState(environment, "UNLOCK");
  const rolledBack = await environment.call("POST", "/state-versions/1/rollback");
  await meeting.open("apply");

  expect(forced).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("run 1 is applying") },
  });
  expect(rolledBack).toMatchObject({ status: 423 });
  await waitForRun(system, run, ["applied"]);
});

test.concurrent("a state that is damaged, older or another's is refused and changes nothing", async () => {
  const environment = await givenEnvironment(system);
  const first = stateOf({ serial: 5 });
  const md5 = createHash("md5").update("something else").digest("base64");

  const post = (body: string, headers?: Record<string, string>) =>
    callState(environment, "POST", { body, ...(headers && { headers }) });
  const stored = [await post(first), await post(first)];
  const refused = [
    await post(stateOf({ serial: 6 }), { "content-md5": md5 }),
    await post(stateOf({ serial: 4 })),
    await post(stateOf({ serial: 5, output: "2" })),
    await post(stateOf({ serial: 6, lineage: randomUUID() })),
    await post("no state"),
    await callState(environment, "POST", { body: "" }),
  ];

  expect(stored.map(({ status }) => status)).toEqual([200, 200]);
  expect(refused.map(({ status }) => status)).toEqual([422, 409, 409, 409, 422, 422]);
  expect(await listVersions(environment)).toMatchObject([{ number: 1, serial: 5 }]);
});

test.concurrent("every state is kept, and an earlier one can be made the newest again", async () => {
  const reader = await system.createToken(["acmeinc:publish"]);
  const environment = await givenEnvironment(system);
  // A number that JavaScript cannot hold.
  const first = stateOf({ serial: 1, output: "9007199254740993.10" });
  await callState(environment, "POST", { body: first });
  await callState(environment, "POST", { body: stateOf({ serial: 7 }) });
  const rollBack = (number: number, options = {}) =>
    system.call("POST", `${environment.url}/state-versions/${number}/rollback`, options);

  const forbidden = await rollBack(1, { token: reader });
  const missing = await rollBack(9);
  await callState(environment, "LOCK", { body: '{"ID":"held","Who":"alice"}' });
  const locked = await rollBack(1);
  await callState(environment, "UNLOCK", { body: '{"ID":"held"}' });
  const rolledBack = await rollBack(1);

  expect([forbidden.status, missing.status, locked.status]).toEqual([403, 404, 423]);
  expect(rolledBack).toMatchObject({
    status: 201,
    body: { number: 3, serial: 8, lineage, createdBy: "admin" },
  });
  expect(await listVersions(environment)).toMatchObject([{ serial: 8 }, { serial: 7 }, { serial: 1 }]);
  const response = await fetch(`${system.url}${environment.url}/state`, {
    headers: { authorization: `Bearer ${system.token}` },
  });
  const body = await response.text();
  expect(body).toContain('"value": 9007199254740993.10,');
  expect(JSON.parse(body)).toEqual({ ...(JSON.parse(first) as object), serial: 8 });
  expect(response.headers.get("content-md5")).toBe(createHash("md5").update(body).digest("base64"));
});
