import { describe, expect, test } from "vitest";
import { captureTerraform } from "./capture.ts";
import { readOutput, type TerraformOutput } from "./output.ts";
import { anyTerraform, givenFolder, noTerraform, plainEnvironment, withTerraform } from "./test-support.ts";

async function outputOf(folder: string, ...args: string[]): Promise<TerraformOutput[]> {
  const env = plainEnvironment(folder);
  const { stdout } = await captureTerraform({
    terraform: anyTerraform(),
    args,
    cwd: folder,
    env,
    timeoutMs: 30_000,
  });
  return stdout.split("\n").map(readOutput);
}

function textOf(outputs: TerraformOutput[]): string {
  return outputs.flatMap(({ lines }) => lines).join("\n");
}

const configuration = `
resource "terraform_data" "a" {
  input = "x"
  provisioner "local-exec" { command = "echo from the script" }
}
output "list" { value = [1, "b"] }
output "secret" {
  value     = "hunter2"
  sensitive = true
}
`;

describe(`what Terraform says${withTerraform}`, () => {
  test.skipIf(noTerraform)("reads as lines, from init to apply", async () => {
    await using folder = await givenFolder({ "main.tf": configuration });

    const init = await outputOf(folder.path, "init", "-json");
    const plan = await outputOf(folder.path, "plan", "-json", "-out=p");
    const apply = await outputOf(folder.path, "apply", "-json", "p");

    expect(textOf(init)).toContain("Terraform has been successfully initialized!");
    expect(textOf(plan)).toContain("terraform_data.a: Plan to create");
    expect(textOf(plan)).toContain("Outputs:\n\n  list: create\n  secret: create");
    expect(textOf(apply)).toContain("terraform_data.a: (local-exec): from the script");
    expect(textOf(apply)).toContain('  list = [1,"b"]\n  secret = (sensitive value)');
    expect(textOf([...init, ...plan, ...apply])).not.toMatch(/hunter2|@message/);
    const counts = { add: 1, change: 0, remove: 0, import: 0 };
    expect([...plan, ...apply].flatMap(({ changes }) => changes ?? [])).toEqual([
      { operation: "plan", ...counts },
      { operation: "apply", ...counts },
    ]);
  });

  test.skipIf(noTerraform)("has its errors with their places", async () => {
    await using folder = await givenFolder({ "main.tf": 'output "a" {\n  value = var.missing\n}\n' });
    await outputOf(folder.path, "init", "-json");

    const plan = await outputOf(folder.path, "plan", "-json");

    const summary = "Reference to undeclared input variable";
    expect(plan.flatMap(({ diagnostic }) => diagnostic ?? [])).toEqual([
      {
        severity: "error",
        summary,
        detail: expect.stringContaining('"missing" has not been declared') as string,
        location: "main.tf:2",
      },
    ]);
    expect(textOf(plan)).toContain(
      `\nError: ${summary}\n\n  on main.tf:2, in output "a":\n     2:   value = var.missing\n\n`,
    );
  });
});

test.each(["plain text", "{ not json", "{}", '{"@message": 1}', "[1]", "", "null", '{"type":"diagnostic"}'])(
  "a line of another kind is passed on: %j",
  (line) => {
    expect(readOutput(line)).toEqual({ lines: [line] });
  },
);

test("an unknown type is its message", () => {
  expect(readOutput('{"@message":"one\\ntwo\\n","type":"new_kind"}')).toEqual({ lines: ["one", "two"] });
});

test("a message that is not as expected is its text", () => {
  for (const type of ["diagnostic", "outputs"]) {
    const { lines } = readOutput(JSON.stringify({ "@message": "text", type, diagnostic: 1, outputs: [1] }));
    expect(lines.filter((line) => line !== "text")).toEqual([]);
  }
});
