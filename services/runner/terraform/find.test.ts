import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findTerraform, TerraformNotFoundError, TerraformUnusableError } from "./find.ts";
import { anyTerraform, givenFolder, noTerraform, withTerraform } from "./test-support.ts";

const opentofu = `#!/bin/sh
if [ "$2" = -json ]; then echo '{"terraform_version":"1.10.2"}'; else echo 'OpenTofu v1.10.2'; fi
`;

async function givenProgram(folder: string, name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}

describe(`the real program${withTerraform}`, () => {
  test.skipIf(noTerraform)("is found on the PATH, by its path and with its version", async () => {
    const found = anyTerraform();

    expect(found).toMatchObject({ product: expect.stringMatching(/^(terraform|tofu)$/) as string });
    expect(found.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(await findTerraform(found.path)).toEqual(found);
  });
});

test("OpenTofu is taken where there is no Terraform", async () => {
  await using folder = await givenFolder({ terraform: "not executable" });
  const path = await givenProgram(folder.path, "tofu", opentofu);

  expect(await findTerraform(undefined, folder.path)).toEqual({ path, product: "tofu", version: "1.10.2" });
});

test("OpenTofu under the name of Terraform is still OpenTofu", async () => {
  await using folder = await givenFolder();
  const path = await givenProgram(folder.path, "terraform", opentofu);

  expect(await findTerraform("terraform", folder.path)).toEqual({ path, product: "tofu", version: "1.10.2" });
});

test("a missing program is an error that says what was looked for and where", async () => {
  await using folder = await givenFolder();

  const search = findTerraform(undefined, folder.path);

  await expect(search).rejects.toThrow(TerraformNotFoundError);
  await expect(search).rejects.toThrow(`no executable "terraform" or "tofu" in "${folder.path}"`);
  await expect(findTerraform(`${folder.path}/x`)).rejects.toThrow(`"${folder.path}/x"`);
});

test("a program that tells no version is unusable", async () => {
  await using folder = await givenFolder();
  const path = await givenProgram(folder.path, "terraform", "#!/bin/sh\necho hello\n");

  await expect(findTerraform(path)).rejects.toThrow(TerraformUnusableError);
});

test("a program that fails is unusable, and its words are passed on", async () => {
  await using folder = await givenFolder();
  const path = await givenProgram(folder.path, "terraform", "#!/bin/sh\necho broken library >&2\nexit 3\n");

  await expect(findTerraform(path)).rejects.toThrow(/exited with 3: broken library/);
});
