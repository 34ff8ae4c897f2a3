import { expect, test } from "vitest";
import { startTestSystem, type TestSystem } from "../support/system.ts";
import { packFiles } from "../support/archive.ts";
import { hasTerraform } from "../support/terraform.ts";

const main = `
variable "web_ami" { type = string }
resource "terraform_data" "web" { triggers_replace = var.web_ami }
output "ami" { value = var.web_ami }
`;

test.skipIf(!(await hasTerraform()))(
  "publishing a version plans and applies the environments that use it",
  async () => {
    await using system = await startTestSystem();
    await publish(system, "us-east-1:ami-1,eu-west-1:ami-9");
    await givenEnvironment(system);

    const first = await system.call("POST", "/api/v2/environments/acmeinc/prod/runs", {
      body: { message: "first" },
    });
    const applied = await confirmWhenPlanned(system, (first.body as Run).id);
    expect(applied).toMatchObject({
      state: "applied",
      inputs: [{ variable: "web_ami", id: "ami-1", version: 1 }],
    });

    await publish(system, "us-east-1:ami-2,eu-west-1:ami-8");
    const caused = await waitForRun(system, 2, ["planned", "errored"]);
    expect(caused).toMatchObject({
      state: "planned",
      cause: { kind: "version", artifact: "acmeinc/web", version: 2, by: "admin" },
      inputs: [{ id: "ami-2", version: 2, previous: { id: "ami-1", version: 1 } }],
      changes: { replace: 1 },
    });
    expect(await confirmWhenPlanned(system, caused.id)).toMatchObject({
      state: "applied",
      confirmedBy: "admin",
    });
  },
);

interface Run {
  id: string;
  state: string;
  error: string | null;
}

async function publish(system: TestSystem, id: string): Promise<void> {
  const body = { artifact_version: { id, file: false, metadata: null, build_id: 0, compile_id: 0 } };
  const reply = await system.call("POST", "/api/v1/artifacts/acmeinc/web/amazon.image", { body });
  expect(reply).toMatchObject({ status: 200 });
}

async function givenEnvironment(system: TestSystem): Promise<void> {
  const url = "/api/v2/environments/acmeinc/prod";
  await system.call("POST", "/api/v2/environments", { body: { namespace: "acmeinc", name: "prod" } });
  const input = { reference: "acmeinc/web:latest", type: "amazon.image", region: "us-east-1" };
  expect(await system.call("PUT", `${url}/inputs/web_ami`, { body: input })).toMatchObject({ status: 200 });
  const archive = await packFiles({ "main.tf": main });
  const upload = await fetch(`${system.url}${url}/configurations`, {
    method: "POST",
    headers: { authorization: `Bearer ${system.token}`, "content-type": "application/gzip" },
    body: archive,
  });
  expect({ status: upload.status, body: await upload.json() }).toMatchObject({
    status: 201,
    body: { number: 1 },
  });
}

async function confirmWhenPlanned(system: TestSystem, id: string): Promise<Run> {
  await waitFor(system, `/api/v2/runs/${id}`, ["planned", "errored"]);
  expect(await system.call("POST", `/api/v2/runs/${id}/confirm`)).toMatchObject({ status: 200 });
  return waitFor(system, `/api/v2/runs/${id}`, ["applied", "errored"]);
}

async function waitForRun(system: TestSystem, number: number, states: string[]): Promise<Run> {
  for (;;) {
    const { body } = await system.call("GET", "/api/v2/environments/acmeinc/prod/runs");
    const run = (body as { items: (Run & { number: number })[] }).items.find(
      (each) => each.number === number,
    );
    if (run && states.includes(run.state)) return run;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function waitFor(system: TestSystem, url: string, states: string[]): Promise<Run> {
  for (;;) {
    const { body } = await system.call("GET", url);
    if (states.includes((body as Run).state)) return body;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
