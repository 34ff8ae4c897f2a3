import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestSystem, type TestSystem } from "../../test/support/system.ts";
import type { EnvironmentPage } from "./environment-page.ts";
import type { Variable } from "./replies.ts";
import { ingot, ingotJson } from "./test-support.ts";

let system: TestSystem;
let directory: string;

beforeAll(async () => {
  system = await startTestSystem();
  directory = await mkdtemp(path.join(tmpdir(), "ingot-environments-"));
  await ingot("namespace create acmeinc", { system });
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

test("a new environment is listed and says what it lacks", async () => {
  const created = await ingot(["env", "create", "acmeinc/prod", "--description", "The web tier"], { system });
  const again = await ingot("env create acmeinc/prod", { system });
  const list = await ingot("env list", { system });
  const show = await ingot("env show acmeinc/prod", { system });

  expect(created).toMatchObject({ exitCode: 0, stdout: "" });
  expect(again).toMatchObject({ exitCode: 6 });
  expect(list.stdout).toContain("acmeinc/prod           none  when confirmed  just now  The web tier\n");
  expect(show.stdout).toBe(
    [
      "acmeinc/prod",
      "  about          The web tier",
      "  applies        when an operator confirms",
      "  configuration  none: ingot env config push acmeinc/prod DIRECTORY",
      "  created        just now",
      "",
      "No inputs: ingot env input binds a variable to a reference.",
      "",
      "No variables: ingot env set sets them.\n",
    ].join("\n"),
  );
});

test("variables are set, shown and unset, and a secret comes from stdin", async () => {
  await ingot("env create acmeinc/vars", { system });

  const set = await ingot(["env", "set", "acmeinc/vars", "size=large", "empty=", "query=a=b"], { system });
  await ingot(["env", "set", "acmeinc/vars", 'zones=["a"]', "--hcl"], { system });
  const secret = await ingot("env set acmeinc/vars --env --sensitive AWS_KEY=-", { system, stdin: "hush\n" });
  const unset = await ingot("env unset acmeinc/vars empty", { system });
  const page = await ingotJson<EnvironmentPage>("env show acmeinc/vars", { system });

  expect([set.stderr, secret.stderr, unset.stderr]).toEqual([
    "Set 3 variables in acmeinc/vars: size, empty, query.\n",
    "Set 1 environment variable in acmeinc/vars: AWS_KEY.\n",
    "Deleted empty in acmeinc/vars.\n",
  ]);
  expect(page.variables.map(summarize).sort()).toEqual([
    "env AWS_KEY null",
    "terraform query a=b",
    "terraform size large",
    'terraform zones ["a"] hcl',
  ]);
  expect((await ingot("env show acmeinc/vars", { system })).stdout).toContain("AWS_KEY   (sensitive)  env");
});

function summarize({ category, key, value, hcl }: Variable): string {
  return `${category} ${key} ${value}${hcl ? " hcl" : ""}`;
}

test.each([
  ["env set acmeinc/prod size", 'ingot: Cannot use "size": expected KEY=VALUE\n'],
  ["env set acmeinc/prod a=- b=-", "ingot: Cannot read more than one value from stdin: give KEY=- once\n"],
  [
    "env set acmeinc/prod ../x=1",
    'ingot: Cannot use "../x" as the name of a variable: expected letters, digits, "_", "-"\n',
  ],
  ["env input acmeinc/prod web_ami", 'ingot: Cannot bind "web_ami": expected VARIABLE=REFERENCE\n'],
  ["env config push acmeinc/prod /nonexistent", 'ingot: Cannot push "/nonexistent": no such directory\n'],
])("%s is wrong usage", async (command, stderr) => {
  expect(await ingot(command, { system })).toEqual({ exitCode: 2, stdout: "", stderr });
});

test("an input is bound and unbound", async () => {
  await ingot("env create acmeinc/inputs", { system });

  const bound = await ingot("env input acmeinc/inputs ami=acmeinc/web:latest -t amazon.image -r eu-west-1", {
    system,
  });
  const show = await ingot("env show acmeinc/inputs", { system });
  const removed = await ingot("env input acmeinc/inputs ami --remove", { system });
  const again = await ingot("env input acmeinc/inputs ami --remove", { system });

  expect(bound.stderr).toBe("Bound ami in acmeinc/inputs to acmeinc/web:latest (amazon.image, eu-west-1).\n");
  expect(show.stdout).toContain("ami    acmeinc/web:latest  amazon.image  eu-west-1  just now  admin\n");
  expect(removed.stderr).toBe("Unbound ami in acmeinc/inputs.\n");
  expect(again).toMatchObject({ exitCode: 3 });
});

test("a directory becomes the next configuration version", async () => {
  await ingot("env create acmeinc/config", { system });
  const source = path.join(directory, "config");
  await mkdir(path.join(source, ".terraform"), { recursive: true });
  await writeFile(path.join(source, "main.tf"), 'output "a" { value = 1 }\n');
  await writeFile(path.join(source, ".terraform", "plugin"), "left out");

  const pushed = await ingot(["env", "config", "push", "acmeinc/config", source], { system });
  const list = await ingot("env config list acmeinc/config", { system });

  expect(pushed).toMatchObject({ exitCode: 0, stdout: "" });
  expect(pushed.stderr).toMatch(/^Pushed configuration 1 of acmeinc\/config: 1 file, \d+ B\.\n$/);
  expect(list.stdout).toMatch(
    /^NUMBER  FILES   SIZE  PUSHED    BY     SHA256\n     1      1  \d+ B  just now  admin  [0-9a-f]{12}\n$/,
  );
});

test("a directory without configuration, or into no environment, is refused", async () => {
  const empty = await mkdtemp(path.join(directory, "empty-"));

  const nothing = await ingot(["env", "config", "push", "acmeinc/prod", empty], { system });
  await writeFile(path.join(empty, "main.tf"), "");
  const nowhere = await ingot(["env", "config", "push", "acmeinc/none", empty], { system });

  expect(nothing).toMatchObject({ exitCode: 2, stderr: `ingot: No Terraform configuration in "${empty}"\n` });
  expect(nowhere).toMatchObject({ exitCode: 3 });
});

test("auto-apply is switched, and a lock released", async () => {
  await ingot("env create acmeinc/auto --auto-apply", { system });

  const off = await ingot("env auto-apply acmeinc/auto off", { system });
  const { autoApply } = await ingotJson<EnvironmentPage>("env show acmeinc/auto", { system });
  const unlocked = await ingot("env unlock acmeinc/auto --json", { system });

  expect(off.stderr).toBe("From now on plans in acmeinc/auto wait for ingot run confirm.\n");
  expect(autoApply).toBe(false);
  expect(unlocked).toMatchObject({ exitCode: 0, stdout: "null\n" });
});

test("a run without a configuration is a conflict", async () => {
  await ingot("env create acmeinc/bare", { system });

  expect(await ingot("run start acmeinc/bare", { system })).toMatchObject({ exitCode: 6, stdout: "" });
  expect(await ingot("run show acmeinc/bare", { system })).toMatchObject({
    exitCode: 3,
    stderr: 'ingot: Cannot find run "acmeinc/bare": the environment has no run yet\n',
  });
});
