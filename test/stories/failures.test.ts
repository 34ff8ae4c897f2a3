import { expect, test } from "vitest";
import {
  decide,
  givenEnvironment,
  publish,
  waitForRun,
  type EnvironmentOptions,
} from "../support/environment.ts";
import { givenTerraform } from "../support/given-terraform.ts";
import { queryDatabase } from "../support/quiet.ts";
import { startStorySystem } from "../support/story.ts";
import { startTestSystem } from "../support/system.ts";

const system = await startStorySystem();
const files = { "main.tf": 'resource "terraform_data" "vm" {}\n' };

async function errorOf(options: EnvironmentOptions): Promise<string | null> {
  const environment = await givenEnvironment(system, options);
  return (await waitForRun(system, await environment.start(), ["errored"])).error;
}

test.concurrent("a syntax error is told with its file and line", async () => {
  const error = await errorOf({ files: { "main.tf": 'resource "terraform_data" "vm" {\n  input = \n}\n' } });

  expect(error).toMatch(/^Invalid expression \(main\.tf:2\): Expected the start of an expression/);
});

test.concurrent("an argument that does not exist is told with its file and line", async () => {
  const error = await errorOf({ files: { "main.tf": 'resource "terraform_data" "vm" {\n  size = 1\n}\n' } });

  expect(error).toBe('Unsupported argument (main.tf:2): An argument named "size" is not expected here');
});

test.concurrent("a variable without a value is named", async () => {
  const error = await errorOf({
    files: { "main.tf": 'variable "size" {}\noutput "o" { value = var.size }\n' },
  });

  expect(error).toMatch(
    /^No value for required variable \(main\.tf:1\): The root module input variable "size" is not set/,
  );
});

test.concurrent("an input that resolves to nothing is named with the reason", async () => {
  const error = await errorOf({
    files: { "main.tf": 'variable "ami" {}\n' },
    inputs: { ami: "acmeinc/nothing:latest" },
  });

  expect(error).toMatch(
    /^Cannot resolve the input "ami" = "acmeinc\/nothing:latest": Cannot resolve "acmeinc\/nothing:latest" .*: no such /,
  );
});

test.concurrent("an input for a variable that the configuration does not declare is refused", async () => {
  await publish(system, "acmeinc/undeclared", { id: "ami-1" });

  const error = await errorOf({ files, inputs: { web_amy: "acmeinc/undeclared:latest" } });

  expect(error).toBe(
    'Cannot use the input "web_amy" = "acmeinc/undeclared:latest": the configuration declares no variable "web_amy"',
  );
});

test.concurrent("a provider that cannot be installed is named", async () => {
  const main =
    'terraform {\n  required_providers {\n    none = { source = "localhost:1/acme/none" }\n  }\n}\n';

  const error = await errorOf({ files: { "main.tf": main } });

  expect(error).toMatch(/localhost:1/);
  expect(error).not.toMatch(/exited with/);
});

test.concurrent("an apply that fails keeps what it has done, and the next run plans the rest", async () => {
  const main = `variable "code" { default = 1 }
resource "terraform_data" "first" {}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "exit \${var.code}" }
}`;
  const environment = await givenEnvironment(system, { files: { "main.tf": main } });
  const run = await environment.start();
  await waitForRun(system, run, ["planned"]);
  await decide(system, run, "confirm");

  const errored = await waitForRun(system, run, ["errored"]);
  await environment.set("code", "0");
  const next = await environment.apply();

  expect(errored.error).toMatch(
    /^local-exec provisioner error \(main\.tf:5\): Error running command 'exit 1': exit status 1/,
  );
  expect(next).toMatchObject({ state: "applied", changes: { add: 1, destroy: 1 } });
});

test.concurrent("a version that is no longer what was planned is not applied", async () => {
  await publish(system, "acmeinc/moved", { id: "ami-1" });
  const environment = await givenEnvironment(system, {
    files: { "main.tf": 'variable "ami" {}\noutput "o" { value = var.ami }\n' },
    inputs: { ami: "acmeinc/moved:latest" },
  });
  const run = await environment.start();
  await waitForRun(system, run, ["planned"]);

  await queryDatabase(
    system,
    "update registry.build set external_id = 'ami-evil' where external_id = 'ami-1'",
  );
  await decide(system, run, "confirm");

  const { error } = await waitForRun(system, run, ["errored"]);
  expect(error).toBe(
    'Cannot resolve the input "ami" = "acmeinc/moved:1": it was "ami-1" when the plan was made and is "ami-evil" now',
  );
});

test.concurrent("a version that another type joins after the plan is applied as planned", async () => {
  await publish(system, "acmeinc/joined", { id: "ami-7", buildId: 70 });
  const environment = await givenEnvironment(system, {
    files: { "main.tf": 'variable "ami" {}\noutput "o" { value = var.ami }\n' },
    inputs: { ami: { reference: "acmeinc/joined:1", type: "" } },
  });
  const run = await environment.start();
  await waitForRun(system, run, ["planned"]);

  await publish(system, "acmeinc/joined", { id: "disk-7", type: "azure.image", buildId: 70 });
  await decide(system, run, "confirm");

  expect(await waitForRun(system, run, ["applied"])).toMatchObject({ inputs: [{ id: "ami-7" }] });
});

test.concurrent("a missing Terraform is told by the run and by /readyz", async () => {
  await using lame = await startTestSystem({ settings: { INGOT_TERRAFORM: "/nowhere/terraform" } });
  const environment = await givenEnvironment(lame, { files });

  const { error } = await waitForRun(lame, await environment.start(), ["errored"]);
  const ready = await lame.call("GET", "/readyz");

  expect(error).toContain('Cannot find Terraform: no executable "/nowhere/terraform"');
  const check = { name: "terraform", ok: false, critical: false, detail: error };
  expect(ready).toMatchObject({
    status: 200,
    body: { ready: true, checks: expect.arrayContaining([check]) },
  });
});

test.concurrent("a plan is applied by the Terraform version that made it, or not at all", async () => {
  await using terraform = await givenTerraform();
  await using upgraded = await startTestSystem({ settings: { INGOT_TERRAFORM: terraform.path } });
  const environment = await givenEnvironment(upgraded, { files });
  const run = await environment.start();
  await waitForRun(upgraded, run, ["planned"]);

  await terraform.pretendVersion("99.0.0");
  await decide(upgraded, run, "confirm");

  const { error } = await waitForRun(upgraded, run, ["errored"]);
  expect(error).toMatch(
    /^Cannot apply the plan of run 1: it was made by terraform \S+, here is terraform 99\.0\.0$/,
  );
});
