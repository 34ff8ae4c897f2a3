import { expect, test } from "vitest";
import type { AttributeChange, PlanDiff, ResourceDiff } from "./replies.ts";
import { renderPlan } from "./run-plan.ts";
import { plainScreen } from "./table.ts";

const summary = {
  add: 0,
  change: 0,
  destroy: 0,
  replace: 0,
  read: 0,
  import: 0,
  move: 0,
  forget: 0,
  outputs: 0,
  drift: 0,
};

function plan(parts: Partial<PlanDiff>): PlanDiff {
  return {
    terraformVersion: "1.11.4",
    isEmpty: false,
    summary,
    resources: [],
    outputs: [],
    drift: [],
    ...parts,
  };
}

function resource(parts: Partial<ResourceDiff>): ResourceDiff {
  const { address = "terraform_data.web", action = "update", ...rest } = parts;
  return {
    address,
    type: "terraform_data",
    actions: [action],
    action,
    replacePaths: [],
    attributes: [],
    ...rest,
  };
}

function attribute(parts: Partial<AttributeChange>): AttributeChange {
  const nothing = { path: "ami", before: null, after: null };
  return { ...nothing, unknown: false, sensitive: false, forcesReplacement: false, ...parts };
}

test("a replacement names what forces it", () => {
  const attributes = [
    attribute({ path: "id", before: "old", unknown: true }),
    attribute({ path: "triggers_replace", before: "ami-1", after: "ami-2", forcesReplacement: true }),
  ];
  const replaced = resource({ action: "replace", actions: ["delete", "create"], attributes });
  const outputs = [
    { name: "ami", action: "update" as const, attributes: [attribute({ before: "ami-1", after: "ami-2" })] },
  ];

  const text = renderPlan(
    plan({
      resources: [replaced],
      outputs,
      summary: { ...summary, add: 1, destroy: 1, replace: 1, outputs: 1 },
    }),
    plainScreen,
  );

  expect(text).toBe(`\
-/+ terraform_data.web  id                "old" -> (known after apply)
                        triggers_replace  "ami-1" -> "ami-2"  forces replacement

Outputs:
  ~ ami  "ami-1" -> "ami-2"

Plan: 1 to add, 0 to change, 1 to destroy (1 replacement), 1 output.
`);
});

test("each action has its mark, and says only what it knows", () => {
  const resources = [
    resource({ address: "a.new", action: "create", attributes: [attribute({ after: { size: 1 } })] }),
    resource({ address: "a.gone", action: "delete", attributes: [attribute({ before: "ami-1" })] }),
    resource({ address: "a.read", action: "read" }),
    resource({ address: "a.first", action: "replace", actions: ["create", "delete"] }),
    resource({ address: "a.moved", action: "no-op", previousAddress: "a.before" }),
    resource({
      address: "a.secret",
      attributes: [
        attribute({
          path: "password",
          before: "(sensitive value)",
          after: "(sensitive value)",
          sensitive: true,
        }),
      ],
    }),
  ];

  expect(renderPlan(plan({ resources }), plainScreen).split("\n\n")[0]).toBe(
    `\
  + a.new  ami  {"size":1}
  - a.gone  ami  "ami-1"
 <= a.read
+/- a.first
    a.moved (moved from a.before)
  ~ a.secret  password  (sensitive value) -> (sensitive value)
`.trimEnd(),
  );
});

test("an empty plan says so, after what has changed outside", () => {
  const drift = [resource({ attributes: [attribute({ before: 1, after: 2 })] })];

  expect(renderPlan(plan({ isEmpty: true, drift }), plainScreen)).toBe(
    "Changed outside Terraform:\n  ~ terraform_data.web  ami  1 -> 2\n\nNothing to change.\n",
  );
});

test("long values are cut", () => {
  const resources = [resource({ action: "create", attributes: [attribute({ after: "x".repeat(500) })] })];

  const [first = ""] = renderPlan(plan({ resources }), plainScreen).split("\n");

  expect(first).toHaveLength("  + terraform_data.web  ami  ".length + 161);
});
