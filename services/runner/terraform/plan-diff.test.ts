import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createMasker } from "./mask.ts";
import { diffPlan, isEmptyPlan, type PlanDiff } from "./plan-diff.ts";
import { UnreadablePlanError, type ChangeJson } from "./plan-json.ts";
import { collectSensitiveValues } from "./plan-secrets.ts";
import { givenFolder, noTerraform, planOf, run, withTerraform } from "./test-support.ts";

const noSecrets = createMasker([]);

function redact(plan: unknown, sensitiveVariables: string[] = []): PlanDiff {
  return diffPlan(plan, createMasker(collectSensitiveValues(plan, sensitiveVariables)));
}

function planWith(change: Partial<ChangeJson>): unknown {
  const resource = { address: "x.a", type: "x", change: { actions: ["update"], ...change } };
  return { format_version: "1.2", resource_changes: [resource] };
}

const secretive = `
variable "image" {}
variable "password" { sensitive = true }
variable "settings" {
  sensitive = true
  default   = { token = "token-of-settings", port = 54321 }
}
variable "unmarked" { default = "known-to-ingot-only" }
resource "terraform_data" "vm" {
  triggers_replace = var.image
  input            = { password = var.password, size = "small", url = "https://u:\${urlencode(var.password)}@db" }
}
resource "terraform_data" "copy" { input = terraform_data.vm.output.password }
resource "terraform_data" "encoded" { input = "Basic \${base64encode("admin:\${var.password}")}" }
resource "terraform_data" "json" { input = jsonencode(var.settings) }
resource "terraform_data" "leak" { input = nonsensitive("copy of \${var.password} and \${var.settings.port}") }
resource "terraform_data" "each" {
  for_each = toset([nonsensitive(var.password)])
  input    = { (each.key) = var.unmarked }
}
output "plain" { value = var.image }
output "password" {
  value     = var.password
  sensitive = true
}
output "size" { value = nonsensitive(length(var.password)) }
`;

const secrets = [
  "hunter2-old",
  "hunter2-new",
  'say "ä" & <b>',
  "token-of-settings",
  "54321",
  "known-to-ingot-only",
];

/** The secrets in a JSON value, as they are, escaped once more, URL-encoded, or in the base64 of `admin:…`. */
function secretsIn(json: unknown): string[] {
  const text = JSON.stringify(json);
  const base64 = (secret: string): string =>
    Buffer.from(`xxx${secret}`)
      .toString("base64")
      .slice(4, 4 + secret.length);
  const escape = (secret: string): string => JSON.stringify(secret).slice(1, -1);
  return secrets.filter((secret) =>
    [secret, escape(secret), escape(escape(secret)), encodeURIComponent(secret), base64(secret)].some(
      (form) => text.includes(form),
    ),
  );
}

describe(`the diff of a real plan${withTerraform}`, () => {
  test.skipIf(noTerraform)("shows no secret, neither new nor old", async () => {
    await using folder = await givenFolder({ "main.tf": secretive });
    const set = (password: string): Promise<void> =>
      writeFile(join(folder.path, "terraform.tfvars.json"), JSON.stringify({ image: "ami-1", password }));

    await set('hunter2-old say "ä" & <b>');
    const created = await planOf(folder.path);
    await run(folder.path, ["apply", "plan.bin"]);
    await set("hunter2-new");
    const changed = await planOf(folder.path);

    expect(secretsIn([created, changed])).toEqual(secrets);
    for (const plan of [created, changed]) {
      const diff = redact(plan, ["known-to-ingot-only"]);
      expect(secretsIn(diff)).toEqual([]);
      expect(Object.keys(diff)).toEqual([
        "terraformVersion",
        "isEmpty",
        "summary",
        "resources",
        "outputs",
        "drift",
      ]);
    }
    expect(redact(changed).outputs.map(({ name, action }) => [name, action])).toContainEqual([
      "password",
      "update",
    ]);
  });

  test.skipIf(noTerraform)("tells why a resource is replaced, and by what", async () => {
    const configuration =
      'variable "image" {}\nresource "terraform_data" "vm" {\n triggers_replace = var.image\n}';
    await using folder = await givenFolder({ "main.tf": configuration });
    await planOf(folder.path, ["-var=image=ami-1"]);
    await run(folder.path, ["apply", "plan.bin"]);

    const plan = await planOf(folder.path, ["-var=image=ami-2"]);

    expect(redact(plan)).toMatchObject({
      isEmpty: false,
      summary: { add: 1, change: 0, destroy: 1, replace: 1 },
      resources: [
        {
          address: "terraform_data.vm",
          type: "terraform_data",
          actions: ["delete", "create"],
          action: "replace",
          reason: "replace_because_cannot_update",
          replacePaths: ["triggers_replace"],
          attributes: [
            { path: "id", after: null, unknown: true, sensitive: false, forcesReplacement: false },
            {
              path: "triggers_replace",
              before: "ami-1",
              after: "ami-2",
              unknown: false,
              forcesReplacement: true,
            },
          ],
        },
      ],
    });
  });

  test.skipIf(noTerraform)(
    "is empty when there is nothing to do, and when only a resource has moved it is not",
    async () => {
      await using folder = await givenFolder({ "main.tf": 'resource "terraform_data" "a" {}' });
      const first = await planOf(folder.path);
      await run(folder.path, ["apply", "plan.bin"]);

      const second = await planOf(folder.path);
      await writeFile(
        join(folder.path, "main.tf"),
        'resource "terraform_data" "b" {}\nmoved {\n from = terraform_data.a\n to = terraform_data.b\n}',
      );
      const moved = await planOf(folder.path);

      expect([first, second, moved].map(isEmptyPlan)).toEqual([false, true, false]);
      expect([first, second, moved].map(withoutApplyable).map(isEmptyPlan)).toEqual([false, true, false]);
      expect(redact(moved)).toMatchObject({
        summary: { move: 1, add: 0 },
        resources: [{ action: "no-op", previousAddress: "terraform_data.a", address: "terraform_data.b" }],
      });
    },
  );

  test.skipIf(noTerraform)("of a refresh-only plan can be had", async () => {
    await using folder = await givenFolder({ "main.tf": 'resource "terraform_data" "a" {\n input = 1\n}' });
    await planOf(folder.path);
    await run(folder.path, ["apply", "plan.bin"]);

    const plan = await planOf(folder.path, ["-refresh-only"]);

    expect(plan).not.toHaveProperty("resource_changes");
    expect(redact(plan)).toMatchObject({ isEmpty: true, resources: [], drift: [] });
  });
});

function withoutApplyable(plan: unknown): unknown {
  return { ...(plan as object), applyable: undefined };
}

test("a plan that only takes over what has drifted is not empty", () => {
  const drift = {
    address: "x.a",
    type: "x",
    change: { actions: ["update"], before: { size: 1 }, after: { size: 2 } },
  };

  const diff = diffPlan({ format_version: "1.2", resource_drift: [drift] }, noSecrets);

  expect(diff).toMatchObject({
    isEmpty: false,
    summary: { change: 0, drift: 1 },
    resources: [],
    drift: [{ address: "x.a", action: "update", attributes: [{ path: "size", before: 1, after: 2 }] }],
  });
});

test("only changed leaves are shown, at their paths", () => {
  const plan = planWith({
    before: { same: 1, tags: { Name: "a", "b.c": "d" }, ports: [1, 2], gone: [{ x: 1 }], empty: null },
    after: { same: 1, tags: { Name: "b", "b.c": "e" }, ports: [1, 3, 4], empty: {} },
    after_unknown: { id: true, ports: [false, false, false, true] },
    replace_paths: [["tags", "b.c"], ["ports"]],
  });

  const { attributes = [], replacePaths } = diffPlan(plan, noSecrets).resources[0] ?? {};

  expect(replacePaths).toEqual(['tags["b.c"]', "ports"]);
  expect(
    attributes.map(({ path, before, after, unknown, forcesReplacement }) => [
      path,
      before,
      after,
      unknown,
      forcesReplacement,
    ]),
  ).toEqual([
    ["empty", null, {}, false, false],
    ["gone[0].x", 1, null, false, false],
    ["id", null, null, true, false],
    ["ports[1]", 2, 3, false, true],
    ["ports[2]", null, 4, false, true],
    ["tags.Name", "a", "b", false, false],
    ['tags["b.c"]', "d", "e", false, true],
  ]);
});

test("a mask of either side hides both, at any depth", () => {
  const change = {
    before: { a: { user: "u", pin: "12" }, list: ["s1", "s2"], turned: [{ pin: "34" }], same: "x" },
    after: { a: { user: "v", pin: "56" }, list: ["s1", "s3"], turned: { pin: "78" }, same: "x" },
    before_sensitive: { a: { pin: true }, turned: [{ pin: true }] },
    after_sensitive: { list: true, turned: { pin: true }, same: true },
  };

  const { attributes = [] } = diffPlan(planWith(change), noSecrets).resources[0] ?? {};

  const hidden = { before: "(sensitive value)", after: "(sensitive value)", sensitive: true };
  expect(attributes).toMatchObject([
    { path: "a.pin", ...hidden },
    { path: "a.user", before: "u", after: "v", sensitive: false },
    { path: "list", ...hidden },
    { path: "same", ...hidden },
    { path: "turned", ...hidden },
  ]);
});

test("sensitive values are gathered from wherever a plan has them", () => {
  const plan = {
    format_version: "1.2",
    variables: { open: { value: "open" }, key: { value: { deep: ["variable-key", 12345] } } },
    configuration: { root_module: { variables: { open: {}, key: { sensitive: true } } } },
    planned_values: { outputs: { o: { sensitive: true, value: "output-value" }, p: { value: "public" } } },
    prior_state: {
      values: {
        root_module: {
          child_modules: [{ resources: [{ values: { a: "in-state" }, sensitive_values: { a: true } }] }],
        },
      },
    },
    resource_drift: [
      {
        address: "x.a",
        type: "x",
        change: { actions: ["update"], before: [{ a: "drifted" }], before_sensitive: [{ a: true }] },
      },
    ],
    output_changes: {
      q: { actions: ["update"], before: "was-open", after: "is-secret", after_sensitive: true },
    },
  };

  const values = collectSensitiveValues(plan, ["environment"]);

  expect(values.sort()).toEqual([
    "12345",
    "drifted",
    "environment",
    "in-state",
    "is-secret",
    "output-value",
    "variable-key",
    "was-open",
  ]);
});

test("what is not a plan of version 1 is refused", () => {
  for (const value of [undefined, null, [], "x", {}, { format_version: "2.0" }]) {
    expect(() => diffPlan(value, noSecrets)).toThrow(UnreadablePlanError);
  }
});
