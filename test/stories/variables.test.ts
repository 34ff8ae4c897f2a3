import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { decide, givenEnvironment, waitForRun, type TestEnvironment } from "../support/environment.ts";
import { givenMeeting, startStorySystem } from "../support/story.ts";

const system = await startStorySystem();

async function readOutput(environment: TestEnvironment, name: string): Promise<unknown> {
  const { body } = await environment.call("GET", "/state");
  return (body as { outputs: Record<string, { value: unknown }> }).outputs[name]?.value;
}

const echo = 'variable "v" {}\noutput "v" { value = var.v }\n';

test.concurrent("a string arrives as it was set, whatever is in it", async () => {
  const value = 'say "hi" \\n ${path.root} %{ if } $${x} <<EOT\nline 2\ttab ü 🙂 # no comment';
  const environment = await givenEnvironment(system, { files: { "main.tf": echo }, variables: { v: value } });

  await environment.apply();

  expect(await readOutput(environment, "v")).toBe(value);
});

test.concurrent("an HCL value arrives with its type", async () => {
  const environment = await givenEnvironment(system, { files: { "main.tf": echo } });
  await environment.set("v", '[{ name = "a", ports = [80, 443] }, null]', { hcl: true });

  await environment.apply();

  expect(await readOutput(environment, "v")).toEqual([{ name: "a", ports: [80, 443] }, null]);
});

test.concurrent("an HCL value that is no expression is refused when it is set", async () => {
  const environment = await givenEnvironment(system);

  const reply = await environment.call("PUT", "/variables/terraform/v", { value: '["a"', hcl: true });

  const detail = 'Cannot set variable "v": an HCL value is one expression with closed brackets and quotes';
  expect(reply).toMatchObject({ status: 422, body: { detail } });
});

test.concurrent("environment variables reach what Terraform starts", async () => {
  await using meeting = await givenMeeting();
  const environment = await givenEnvironment(system, {
    files: {
      "main.tf": `resource "terraform_data" "vm" {
  provisioner "local-exec" { command = "printf %s \\"$GREETING\\" > ${meeting.file("greeting")}" }
}`,
    },
  });
  await environment.set("GREETING", 'hello "$USER"\n2', { category: "env" });

  await environment.apply();

  expect(await readFile(meeting.file("greeting"), "utf8")).toBe('hello "$USER"\n2');
});

test.concurrent(
  "a variable or configuration that changes after the plan does not change its apply",
  async () => {
    const environment = await givenEnvironment(system, {
      files: { "main.tf": echo },
      variables: { v: "planned" },
    });
    const run = await environment.start();
    await waitForRun(system, run, ["planned"]);

    await environment.set("v", "changed");
    await environment.push({ "main.tf": 'output "v" { value = "another configuration" }\n' });
    await decide(system, run, "confirm");
    await waitForRun(system, run, ["applied"]);

    expect(await readOutput(environment, "v")).toBe("planned");
  },
);
