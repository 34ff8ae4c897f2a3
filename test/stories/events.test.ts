import { expect, test } from "vitest";
import {
  decide,
  givenEnvironment,
  publish,
  waitForRun,
  type TestEnvironment,
} from "../support/environment.ts";
import { queryDatabase, waitUntilQuiet } from "../support/quiet.ts";
import { startStorySystem } from "../support/story.ts";

const system = await startStorySystem();
const files = { "main.tf": 'variable "ami" { default = "none" }\noutput "o" { value = var.ami }\n' };

interface Announced {
  type: string;
  data: { run: { number: number } & Record<string, unknown> } & Record<string, unknown>;
}

async function eventsOf({ name }: TestEnvironment): Promise<Announced[]> {
  const text = "select type, data from runner.outbox where subject = $1 and type like 'run.%' order by seq";
  return queryDatabase<Announced>(system, text, [name]);
}

const inShort = (events: readonly Announced[]) =>
  events.map(({ type, data }) => `${data.run.number} ${type}`);

test.concurrent("every transition is announced once and in order", async () => {
  await publish(system, "acmeinc/events", { id: "ami-1" });
  const environment = await givenEnvironment(system, { files, inputs: { ami: "acmeinc/events:latest" } });
  await environment.apply();
  await waitForRun(system, await environment.start(), ["planned_no_changes"]);
  await publish(system, "acmeinc/events", { id: "ami-2" });
  await environment.run(3, ["planned"]);
  await publish(system, "acmeinc/events", { id: "ami-3" });
  const fourth = await environment.run(4, ["planned"]);
  await decide(system, fourth, "discard");
  const fifth = await environment.start();
  await waitForRun(system, fifth, ["planned"]);
  await decide(system, fifth, "cancel");
  await environment.push({ "main.tf": "broken" });
  await waitForRun(system, await environment.start(), ["errored"]);
  await waitUntilQuiet(system);

  expect(inShort(await eventsOf(environment))).toEqual([
    "1 run.planning",
    "1 run.planned",
    "1 run.confirmed",
    "1 run.applying",
    "1 run.applied",
    "2 run.planning",
    "2 run.planned",
    "3 run.planning",
    "3 run.planned",
    "3 run.discarded",
    "4 run.planning",
    "4 run.planned",
    "4 run.discarded",
    "5 run.planning",
    "5 run.planned",
    "5 run.canceled",
    "6 run.planning",
    "6 run.errored",
  ]);
});

test.concurrent("events tell the run, its cause and what happened as proto3 JSON", async () => {
  await publish(system, "acmeinc/json", { id: "ami-1" });
  const environment = await givenEnvironment(system, { files, inputs: { ami: "acmeinc/json:latest" } });
  await publish(system, "acmeinc/json", { id: "ami-2" });
  const first = await environment.run(1, ["planned"]);
  await publish(system, "acmeinc/json", { id: "ami-3" });
  const second = await environment.run(2, ["planned"]);
  await decide(system, second, "confirm");
  await waitForRun(system, second, ["applied"]);

  const events = await eventsOf(environment);

  const publishedAt = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
  const version = {
    eventId: expect.any(String),
    artifact: "acmeinc/json",
    type: "amazon.image",
    publishedBy: "admin",
    publishedAt,
  };
  const factsOf = (number: number, id: string) => ({
    id,
    number,
    environment: environment.name,
    cause: { version: { ...version, version: number + 1 } },
  });
  const run = factsOf(1, first.id);
  const next = factsOf(2, second.id);
  expect(events).toEqual([
    { type: "run.planning", data: { run } },
    { type: "run.planned", data: { run, hasChanges: true, changes: {} } },
    { type: "run.discarded", data: { run, discardedBy: "run 2", supersededByRun: second.id } },
    { type: "run.planning", data: { run: next } },
    { type: "run.planned", data: { run: next, hasChanges: true, changes: {} } },
    { type: "run.confirmed", data: { run: next, confirmedBy: "admin" } },
    { type: "run.applying", data: { run: next } },
    { type: "run.applied", data: { run: next } },
  ]);
});

// Adds to the state what Terraform would with the atlas provider, when the apply has given back its lock.
const addReference = `const url = process.env.TF_HTTP_ADDRESS;
const authorization = "Bearer " + process.env.INGOT_TOKEN;
const state = await (await fetch(url, { headers: { authorization } })).json();
state.serial++;
state.resources.push({
  mode: "data", type: "atlas_artifact", name: "web", provider: "provider[\\"registry.terraform.io/acme/atlas\\"]",
  instances: [{ schema_version: 0, attributes: { name: "acmeinc/web", type: "amazon.image", version: "latest" } }],
});
const reply = await fetch(url, { method: "POST", headers: { authorization }, body: JSON.stringify(state) });
process.exitCode = reply.ok ? 0 : 1;
`;

test.concurrent("an apply announces the artifacts that the new state refers to", async () => {
  const environment = await givenEnvironment(system, {
    files: {
      ...files,
      "add-reference.mjs": addReference,
      "after-apply.sh": `${process.execPath} ./add-reference.mjs`,
    },
  });

  await environment.apply();

  const applied = (await eventsOf(environment)).at(-1);
  expect(applied).toMatchObject({
    type: "run.applied",
    data: {
      references: [
        { artifact: "acmeinc/web", version: "latest", type: "amazon.image", from: "data.atlas_artifact.web" },
      ],
    },
  });
});
