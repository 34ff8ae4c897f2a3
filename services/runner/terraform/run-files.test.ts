import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { terraformEnvironment } from "./environment.ts";
import {
  ConfigurationFileConflictError,
  writeRunFiles,
  writeRunHome,
  type TerraformVariable,
} from "./run-files.ts";
import { givenFolder, givenStateServer, noTerraform, run, withTerraform } from "./test-support.ts";
import { InvalidRunVariableError } from "./variable-error.ts";

function variable(key: string, value: string, hcl = false): TerraformVariable {
  return { key, value, hcl };
}

/** What Terraform makes of variables: declared as `any`, `other` is "untouched" unless somebody sets it. */
async function outputsWith(terraformVariables: TerraformVariable[]): Promise<Record<string, unknown>> {
  await using server = await givenStateServer();
  await using home = await givenFolder();
  const keys = [...new Set(["other", ...terraformVariables.map(({ key }) => key)])];
  const declarations = keys.map(
    (key) => `variable "${key}" {\n default = "untouched"\n}\noutput "${key}" {\n value = var.${key}\n}\n`,
  );
  await using folder = await givenFolder({
    "main.tf": declarations.join(""),
    "z.auto.tfvars": 'plain = "from a file"\n',
  });
  const env = terraformEnvironment({
    home: home.path,
    path: process.env["PATH"] ?? "",
    stateUrl: server.url,
    username: "u",
    password: "p",
    variables: [],
  });
  await writeRunHome(home.path);
  await writeRunFiles(folder.path, { terraformVariables });
  await run(folder.path, ["init"], env);
  await run(folder.path, ["apply", "-auto-approve", "-no-color"], env);
  const outputs = JSON.parse(await run(folder.path, ["output", "-json"], env)) as Record<
    string,
    { value: unknown }
  >;
  return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
}

describe(`a value${withTerraform}`, () => {
  test.skipIf(noTerraform)("arrives as it is, and before one of the configuration's files", async () => {
    const odd = {
      plain: "us-east-1",
      quotes: `a"b'c\\d\\n`,
      templates: "${var.other} %{ if true } $${x} %%{y}",
      lines: "one\r\ntwo\n\n\ttabbed\n",
      unicode: "üñ→😀",
      control: "\u0000\u0001\u001b[31m",
      number: "007",
      empty: "",
    };

    const outputs = await outputsWith(Object.entries(odd).map(([key, value]) => variable(key, value)));

    expect(outputs).toEqual({ ...odd, other: "untouched" });
  });

  test.skipIf(noTerraform)("in HCL is what Terraform reads in it", async () => {
    const outputs = await outputsWith([
      variable("list", '[1, 2, "x"] # a comment with ) and "', true),
      variable("map", '{\n  a = true\n  "b.c" = { d = null } /* } */\n}\n', true),
      variable("text", '<<-EOT\n    one "\n      two )\n    EOT', true),
      variable("escaped", '"$${a} %%{b} \\" \\\\"', true),
      variable("product", "60 * 60", true),
      variable("doubled", "[for x in [1, 2] : x * 2]", true),
    ]);

    expect(outputs).toEqual({
      list: [1, 2, "x"],
      map: { a: true, "b.c": { d: null } },
      text: 'one "\n  two )\n',
      escaped: '${a} %{b} " \\',
      product: 3600,
      doubled: [2, 4],
      other: "untouched",
    });
  });

  const smuggled = 'other = "smuggled"';
  test
    .skipIf(noTerraform)
    .each([
      `"a"\n${smuggled}`,
      `"a")\n${smuggled.replace('"smuggled"', '("smuggled"')}`,
      `<<EOT\nx\nEOT\n)\nother = ("x"`,
      `<<EOT\n\u00a0EOT\n)\nother = (<<EOT\nEOT\n`,
      `<<EOT\n\ufeffEOT\n/*\nEOT\n)\nother = (1 /* */`,
      `<<EOT\n\u2028EOT\n)\nother = (<<EOT\nEOT\n`,
      `"$\\")\nother = (\\""`,
      `"$\\""\n)\nother = ("x" #"`,
      `"%\\""\n)\nother = ("x" #"`,
      `1 #\r)\rother = (2`,
      `1 #\u2028)\nother = (2`,
      `/* /* */ 1 )\nother = ( 2 /* */`,
      `"\${"}"}")\nother = ("`,
      "1",
    ])("in HCL sets nothing else: %j", async (value) => {
    const outputs = await outputsWith([variable("a", value, true)]).catch(() => ({ other: "untouched" }));

    expect(outputs).toMatchObject({ other: "untouched" });
  });
});

test.each(['"a', "[1", "1]", "(]", "/* open", "<<EOT\nno end", "{ a = 1", '"two\nlines"'])(
  "an HCL value that is not closed is refused: %j",
  async (value) => {
    await using folder = await givenFolder();

    const writing = writeRunFiles(folder.path, { terraformVariables: [variable("size", value, true)] });

    await expect(writing).rejects.toThrow('Cannot set variable "size": an HCL value is one expression');
  },
);

test("bad keys are refused", async () => {
  await using folder = await givenFolder();
  const write = (...terraformVariables: TerraformVariable[]): Promise<void> =>
    writeRunFiles(folder.path, { terraformVariables });

  await expect(write(variable("a = 1\nb", "x", true))).rejects.toThrow(InvalidRunVariableError);
  await expect(write(variable("a", "1"), variable("a", "2", true))).rejects.toThrow('"a": it is set twice');
});

test.each([
  "zz_ingot_override.tf",
  "zzz_override.tf",
  "é_override.tf.json",
  "zz_ingot_override.tofu",
  "zzz.auto.tfvars",
])("a configuration cannot have %s", async (file) => {
  await using folder = await givenFolder({ [file]: "" });

  const writing = writeRunFiles(folder.path, { terraformVariables: [] });

  await expect(writing).rejects.toThrow(ConfigurationFileConflictError);
  await expect(writing).rejects.toThrow(`"${file}"`);
});

test("a configuration can have overrides and variable files of its own", async () => {
  await using folder = await givenFolder({
    "override.tf": "",
    "x_override.tf": "",
    "a.auto.tfvars": "",
    "zzz.tf": "",
  });

  const writing = writeRunFiles(folder.path, { terraformVariables: [] });

  await expect(writing).resolves.toBeUndefined();
});

test("only the owner can read the variables", async () => {
  await using folder = await givenFolder();

  await writeRunFiles(folder.path, { terraformVariables: [variable("password", "hunter2")] });

  const file = join(folder.path, "zz_ingot.auto.tfvars.json");
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual({ password: "hunter2" });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});
