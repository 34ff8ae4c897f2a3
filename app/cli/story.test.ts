import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { startTestSystem, type TestSystem } from "../../test/support/system.ts";
import { observeDatabase } from "../../test/support/fingerprint.ts";
import { hasTerraform } from "../../test/support/terraform.ts";
import type { PlanDiff, Run } from "./replies.ts";
import { ingot, ingotJson, type Ran } from "./test-support.ts";

const main = `
variable "web_ami" { type = string }
resource "terraform_data" "web" { triggers_replace = var.web_ami }
output "ami" { value = var.web_ami }
`;
const noTerraform = !(await hasTerraform());
const reason = "needs terraform or tofu in the PATH";

test("the whole flow goes by the command line alone", { timeout: 120_000 }, async ({ skip }) => {
  skip(noTerraform, reason);
  await using system = await startTestSystem();
  await givenEnvironment(system);

  const planned = await run(system, ["run", "start", "acmeinc/prod", "-m", "first", "--follow"]);
  expect(planned.stdout).toMatch(/^acmeinc\/prod#1\n.*Plan: 1 to add, 0 to change, 0 to destroy/s);
  expect(planned.stderr).toContain("acmeinc/prod#1 is planned and waits for a confirmation: 1 to add");

  const applied = await run(system, ["run", "confirm", "acmeinc/prod", "--follow"]);
  expect(applied.stdout).toContain("Apply complete! Resources: 1 added");
  expect(applied.stdout).not.toContain("Plan: 1 to add");
  expect(applied.stderr).toMatch(/acmeinc\/prod#1 is applied\.\n$/);

  await run(system, ["publish", "acmeinc/web", "--type", "amazon.image", "--id", "us-east-1:ami-2"]);
  await untilRuns(system, 2);
  const followed = await run(system, ["run", "logs", "-f", "acmeinc/prod#2", "--json"]);
  const lines = followed.stdout.trimEnd().split("\n");
  expect(JSON.parse(lines.at(-1) ?? "")).toEqual({ state: "planned" });

  const runs = await run(system, ["runs", "acmeinc/prod"]);
  expect(runs.stdout).toMatch(/^acmeinc\/prod#2 +planned +\+1 ~0 -1 +acmeinc\/web:2 by admin /m);
  expect(runs.stdout).toMatch(/^acmeinc\/prod#1 +applied +\+1 ~0 -0 +admin: first .* admin$/m);

  const shown = await run(system, ["run", "show", "acmeinc/prod"]);
  expect(shown.stdout).toMatch(
    /cause +acmeinc\/web:2 \(amazon\.image\) was published by admin at [-\d]+ [:\d]+, event [-0-9a-f]+\n/,
  );
  expect(shown.stdout).toContain("web_ami = acmeinc/web:latest: ami-1 (version 1) -> ami-2 (version 2)");
  expect(shown.stdout).toContain("ingot run confirm acmeinc/prod#2 --follow");

  const plan = await run(system, ["run", "plan", "acmeinc/prod#2"]);
  expect(plan.stdout).toMatch(
    /-\/\+ terraform_data\.web {2}.*triggers_replace {2}"ami-1" -> "ami-2" {2}forces replacement\n/s,
  );
  expect((await ingotJson<PlanDiff>("run plan acmeinc/prod", { system })).summary).toMatchObject({
    replace: 1,
  });

  await run(system, ["run", "confirm", "acmeinc/prod#2", "--follow"]);
  expect(await ingotJson<Run>("run show acmeinc/prod#2", { system })).toMatchObject({
    state: "applied",
    confirmedBy: "admin",
  });
  expect(await ingot("run confirm acmeinc/prod#2", { system })).toMatchObject({ exitCode: 6 });
});

test("a run that errors or is discarded ends badly", { timeout: 120_000 }, async ({ skip }) => {
  skip(noTerraform, reason);
  await using system = await startTestSystem();
  await givenEnvironment(system);
  await run(system, ["run", "start", "acmeinc/prod", "--follow"]);

  const discarded = await run(system, ["run", "discard", "acmeinc/prod"]);
  const after = await ingot("run logs -f acmeinc/prod", { system });
  await push(system, 'output "a" { value = nope }\n');
  const errored = await ingot("run start acmeinc/prod --follow", { system });
  const plan = await ingot("run plan acmeinc/prod", { system });

  expect(discarded.stderr).toBe("acmeinc/prod#1 was discarded.\n");
  expect(after).toMatchObject({ exitCode: 1, stderr: "ingot: acmeinc/prod#1 was discarded\n" });
  expect(errored.exitCode).toBe(1);
  expect(errored.stderr).toMatch(/ingot: acmeinc\/prod#2 errored: Invalid reference/);
  expect(plan).toMatchObject({ exitCode: 3 });
});

async function givenEnvironment(system: TestSystem): Promise<void> {
  await run(system, ["publish", "acmeinc/web", "--type", "amazon.image", "--id", "us-east-1:ami-1"]);
  // An announcement that comes after the input would cause a run of its own.
  await using observer = await observeDatabase(system.databaseUrl);
  await observer.settle();
  await run(system, ["env", "create", "acmeinc/prod"]);
  const input = "web_ami=acmeinc/web:latest";
  await run(system, [
    "env",
    "input",
    "acmeinc/prod",
    input,
    "--type",
    "amazon.image",
    "--region",
    "us-east-1",
  ]);
  await push(system, main);
}

async function push(system: TestSystem, text: string): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), "ingot-story-"));
  await writeFile(path.join(directory, "main.tf"), text);
  await run(system, ["env", "config", "push", "acmeinc/prod", directory]);
  await rm(directory, { recursive: true });
}

async function run(system: TestSystem, args: string[]): Promise<Ran> {
  const ran = await ingot(args, { system });
  if (ran.exitCode !== 0)
    throw new Error(`ingot ${args.join(" ")} exited with ${ran.exitCode}: ${ran.stderr}`);
  return ran;
}

async function untilRuns(system: TestSystem, count: number): Promise<void> {
  await expect
    .poll(async () => (await ingotJson<Run[]>("runs acmeinc/prod", { system })).length, { timeout: 20_000 })
    .toBe(count);
}
