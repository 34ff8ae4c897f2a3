import { expect, test } from "vitest";
import type { PlainVariable } from "../variable/variable.ts";
import { secretsOf } from "./secrets.ts";

function given(variable: Partial<PlainVariable>): PlainVariable {
  return { category: "terraform", key: "v", value: "", sensitive: true, hcl: false, ...variable };
}

test("a sensitive string is a secret and another one is not", () => {
  const variables = [given({ value: "hidden" }), given({ value: "shown", sensitive: false })];

  expect(secretsOf(variables)).toEqual(["hidden"]);
});

test("the strings and numbers inside a sensitive HCL value are secrets, its keys are not", () => {
  const value = String.raw`{ "user" = "al\"ice", password: "$${"$"}{x}", pin = 123456 }`;

  expect(secretsOf([given({ value, hcl: true })])).toEqual([value, 'al"ice', "${x}", "123456"]);
});
