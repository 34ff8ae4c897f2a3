import pg from "pg";
import { expect, test } from "vitest";
import { givenEnvironment, publish, until } from "../support/environment.ts";
import { queryDatabase, waitUntilQuiet } from "../support/quiet.ts";
import { startStorySystem } from "../support/story.ts";

const system = await startStorySystem();
const files = { "main.tf": 'variable "ami" {}\noutput "ami" { value = var.ami }\n' };

test.concurrent("a version published before the environment has a configuration causes no run", async () => {
  const environment = await givenEnvironment(system, { inputs: { ami: "acmeinc/early:latest" } });

  await publish(system, "acmeinc/early", { id: "ami-1" });
  await waitUntilQuiet(system);

  expect(await environment.runs()).toEqual([]);
});

test.concurrent("a version of another type causes no run", async () => {
  const environment = await givenEnvironment(system, { files, inputs: { ami: "acmeinc/typed:latest" } });

  await publish(system, "acmeinc/typed", { id: "disk-1", type: "azure.image" });
  await waitUntilQuiet(system);

  expect(await environment.runs()).toEqual([]);
});

test.concurrent("an input without a type follows every type", async () => {
  const any = { reference: "acmeinc/any:latest", type: "" };
  const environment = await givenEnvironment(system, { files, inputs: { ami: any } });

  await publish(system, "acmeinc/any", { id: "disk-1", type: "azure.image" });

  expect(await environment.run(1, ["planned"])).toMatchObject({ inputs: [{ id: "disk-1", version: 1 }] });
});

test.concurrent("two inputs on one artifact cause one run", async () => {
  const environment = await givenEnvironment(system, {
    files: { "main.tf": 'variable "a" {}\nvariable "b" {}\noutput "both" { value = [var.a, var.b] }\n' },
    inputs: { a: "acmeinc/twice:latest", b: "acmeinc/twice:latest" },
  });

  await publish(system, "acmeinc/twice", { id: "ami-1" });
  await environment.run(1, ["planned"]);
  await waitUntilQuiet(system);

  expect(await environment.runs()).toMatchObject([{ number: 1, inputs: [{ id: "ami-1" }, { id: "ami-1" }] }]);
});

test.concurrent("two environments on one artifact get a run each", async () => {
  const inputs = { ami: "acmeinc/shared:latest" };
  const staging = await givenEnvironment(system, { files, inputs });
  const prod = await givenEnvironment(system, { files, inputs });

  await publish(system, "acmeinc/shared", { id: "ami-1" });
  await staging.run(1, ["planned"]);
  await prod.run(1, ["planned"]);
  await waitUntilQuiet(system);

  expect([await staging.runs(), await prod.runs()]).toMatchObject([[{ number: 1 }], [{ number: 1 }]]);
});

test.concurrent("a pinned input causes no run", async () => {
  const environment = await givenEnvironment(system, { files, inputs: { ami: "acmeinc/pinned:1" } });

  await publish(system, "acmeinc/pinned", { id: "ami-1" });
  await publish(system, "acmeinc/pinned", { id: "ami-2" });
  await waitUntilQuiet(system);

  expect(await environment.runs()).toEqual([]);
});

test.concurrent("an input that is removed causes no run any more", async () => {
  const environment = await givenEnvironment(system, { files, inputs: { ami: "acmeinc/unbound:latest" } });

  await environment.call("DELETE", "/inputs/ami");
  await waitUntilQuiet(system);
  await publish(system, "acmeinc/unbound", { id: "ami-1" });
  await waitUntilQuiet(system);

  expect(await environment.runs()).toEqual([]);
});

test.concurrent("a declaration that arrives after the publication still gets its run", async () => {
  await publish(system, "acmeinc/overtaken", { id: "ami-1" });
  await waitUntilQuiet(system);
  const relay = await holdRelay("runner");
  const environment = await givenEnvironment(system, { files, inputs: { ami: "acmeinc/overtaken:latest" } });

  await publish(system, "acmeinc/overtaken", { id: "ami-2" });
  await until("the trigger knows the version", async () => {
    const known =
      "select 1 from trigger.announcement where artifact = 'acmeinc/overtaken' and event #>> '{data,version}' = '2'";
    return (await queryDatabase(system, known)).length === 1;
  });
  await relay.release();

  expect(await environment.run(1, ["planned"])).toMatchObject({
    cause: { version: 2 },
    inputs: [{ id: "ami-2" }],
  });
  await waitUntilQuiet(system);
  expect(await environment.runs()).toHaveLength(1);
});

/** Keeps a service's events from being announced, by the lock that lets one relay work at a time. */
async function holdRelay(schema: string) {
  const client = new pg.Client({ connectionString: system.databaseUrl });
  await client.connect();
  await client.query("select pg_advisory_lock(hashtext('ingot relay ' || $1))", [schema]);
  return { release: () => client.end() };
}
