import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { ingot, node, program } from "./test-support.ts";

test("help lists the commands and the exit codes", async () => {
  const { exitCode, stdout, stderr } = await ingot("--help");

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toContain("publish a version, with or without a file");
  expect(stdout).toContain("5  the server cannot be reached");
});

test.each([
  ["help run logs", "Usage: ingot run logs [options] <run>"],
  ["run logs --help", "Usage: ingot run logs [options] <run>"],
  ["help env", "auto-apply"],
  ["env set -h", "KEY=- reads the value from stdin"],
  ["start --help", "INGOT_DATA_DIR"],
])("%s prints help", async (command, text) => {
  const { exitCode, stdout } = await ingot(command);

  expect(exitCode).toBe(0);
  expect(stdout).toContain(text);
});

test.each([
  ["verions", 'ingot: unknown command "verions"; did you mean versions?\ningot --help shows how\n'],
  ["help verions", 'ingot: unknown command "verions"; did you mean versions?\ningot --help shows how\n'],
  [
    "publish a/b --type t --metdata k=v",
    'ingot: unknown option "--metdata"; did you mean --metadata?\ningot publish --help shows how\n',
  ],
  ["env crate a/b", 'ingot: unknown command "crate"; did you mean create?\ningot env --help shows how\n'],
  ["versions", 'ingot: missing required argument "artifact"\ningot versions --help shows how\n'],
  ["versions web", 'ingot: Cannot use "web" as the name of an artifact: expected NAMESPACE/NAME\n'],
  [
    "versions a/b --url nowhere",
    'ingot: Cannot use "nowhere" as the server\'s address: expected http:// or https://\n',
  ],
  ["resolve a/b", 'ingot: Cannot use "a/b" as a reference: expected NAMESPACE/NAME:VERSION\n'],
  ["run show a/b/c", 'ingot: Cannot use "a/b/c" as the name of an environment: expected NAMESPACE/NAME\n'],
  ["start registri", 'ingot: Cannot start "registri": the services are registry, trigger, runner\n'],
])("%s is wrong usage", async (command, stderr) => {
  expect(await ingot(command)).toEqual({ exitCode: 2, stdout: "", stderr });
});

test("a command group alone prints its help as wrong usage", async () => {
  const { exitCode, stdout, stderr } = await ingot("run");

  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toContain("Usage: ingot run");
});

test("a server that is not there says how to get one", async () => {
  const { exitCode, stderr } = await ingot("versions acmeinc/web", { system: { url: "http://127.0.0.1:9" } });

  expect(exitCode).toBe(5);
  expect(stderr).toMatch(/^ingot: Cannot reach http:\/\/127\.0\.0\.1:9: /);
});

test("the program prints its version", async () => {
  const { stdout } = await promisify(execFile)(node, [program, "--version"]);

  expect(stdout).toBe(`${packageJson.version}\n`);
});

test("a command for a server elsewhere loads no service", async () => {
  const hook = `import { registerHooks } from "node:module";
    registerHooks({ load: (url, context, next) => (process.stderr.write(url + "\\n"), next(url, context)) });`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(hook)}`, program, "versions", "a/b"];

  const failed = promisify(execFile)(node, [...args, "--url", "http://127.0.0.1:9"]);

  const { stderr } = await failed.catch((error: { stderr: string }) => error);
  expect(stderr).toContain("/app/cli/versions.ts");
  expect(stderr).not.toMatch(/\/services\/|fastify|typebox/);
});
