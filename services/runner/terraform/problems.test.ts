import { expect, test } from "vitest";
import { readOutput } from "./output.ts";
import { Problems } from "./problems.ts";

function read(stream: "stdout" | "stderr", text: string): string[] {
  const problems = new Problems();
  for (const line of text.split("\n")) problems.read(stream, line, readOutput(line));
  return problems.list();
}

test("what init prints becomes a sentence for each problem", () => {
  const text = `
Error: Terraform encountered problems during initialisation, including problems
with the configuration, described below.

The Terraform configuration must be valid before initialization so that
Terraform can determine which modules and providers need to be installed.

Error: Invalid expression

  on main.tf line 2, in resource "terraform_data" "vm":
   2:   input = 

Expected the start of an expression, but found an invalid
expression token.

Error: Failed to query available provider packages
`;

  expect(read("stderr", text)).toEqual([
    "Invalid expression (main.tf:2): Expected the start of an expression, but found an invalid expression token",
    "Failed to query available provider packages",
  ]);
});

test("a diagnostic is told with its place and its first paragraph", () => {
  const diagnostic = {
    severity: "error",
    summary: "Unsupported argument",
    detail: 'An argument named "size"\nis not expected here.\n\nDid you mean "input"?',
    range: { filename: "main.tf", start: { line: 2 } },
  };
  const line = JSON.stringify({ "@message": "Error: …", type: "diagnostic", diagnostic });

  expect(read("stdout", line)).toEqual([
    'Unsupported argument (main.tf:2): An argument named "size" is not expected here',
  ]);
});

test("of many problems the first ten are told", () => {
  const text = Array.from({ length: 13 }, (_, index) => `Error: problem ${index}`).join("\n");

  expect(read("stderr", text).slice(9)).toEqual(["problem 9", "3 more in the log"]);
});

test("an error that a program prints on stdout is not Terraform's", () => {
  expect(read("stdout", "Error: from a provisioner\n\nmore")).toEqual([]);
});
