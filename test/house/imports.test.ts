import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = path.join(import.meta.dirname, "..", "..");
const oxlint = path.join(root, "node_modules", ".bin", "oxlint");

test.each([
  ["core/a.ts", "#proto/names.ts"],
  ["core/a.ts", "../services/registry/registry.ts"],
  ["proto/a.ts", "#core/id.ts"],
  ["services/registry/token/a.ts", "#runner/runner.ts"],
  ["services/registry/token/a.ts", "../../trigger/trigger.ts"],
  ["services/trigger/a.ts", "#registry/registry.ts"],
  ["services/runner/run/a.ts", "#app/config.ts"],
])("the linter refuses %s an import of %s", async (file, imported) => {
  expect(await lint(file, imported)).toContain("no-restricted-imports");
});

test.each([
  ["core/a.ts", "#core/id.ts"],
  ["services/registry/token/a.ts", "#core/id.ts"],
  ["services/runner/run/a.ts", "#proto/names.ts"],
  ["app/a.ts", "#runner/runner.ts"],
])("the linter allows %s an import of %s", async (file, imported) => {
  expect(await lint(file, imported)).not.toContain("no-restricted-imports");
});

/** What the linter says of the file, with the project's rules, in a directory that has nothing else. */
async function lint(file: string, imported: string): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "ingot-house-"));
  try {
    await copyFile(path.join(root, ".oxlintrc.json"), path.join(directory, ".oxlintrc.json"));
    await mkdir(path.dirname(path.join(directory, file)), { recursive: true });
    await writeFile(path.join(directory, file), `import { a } from "${imported}";\nexport const b = a;\n`);
    const run = promisify(execFile)(oxlint, [file], { cwd: directory });
    return await run.then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
