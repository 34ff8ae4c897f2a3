import { expect, test } from "vitest";
import { decide, givenEnvironment, publish, waitForRun } from "../support/environment.ts";
import { startTestSystem } from "../support/system.ts";
import { hasTerraform } from "../support/terraform.ts";

const main = `
variable "web_ami" { type = string }
resource "terraform_data" "web" { triggers_replace = var.web_ami }
`;

test.skipIf(!(await hasTerraform()))(
  "publishing a version plans the environments that use it, and a confirmed plan is applied",
  async () => {
    await using system = await startTestSystem();
    await publish(system, "acmeinc/web", { id: "us-east-1:ami-1,eu-west-1:ami-9" });
    const web = { reference: "acmeinc/web:latest", region: "us-east-1" };
    const prod = await givenEnvironment(system, {
      name: "prod",
      files: { "main.tf": main },
      inputs: { web_ami: web },
    });
    await prod.apply();

    await publish(system, "acmeinc/web", { id: "us-east-1:ami-2,eu-west-1:ami-8" });
    const planned = await prod.run(2, ["planned"]);
    await decide(system, planned, "confirm");
    const applied = await waitForRun(system, planned, ["applied"]);

    expect(planned).toMatchObject({
      environment: "acmeinc/prod",
      cause: { kind: "version", artifact: "acmeinc/web", version: 2, by: "admin" },
      inputs: [{ variable: "web_ami", id: "ami-2", version: 2, previous: { id: "ami-1", version: 1 } }],
      changes: { replace: 1 },
    });
    expect(applied).toMatchObject({ confirmedBy: "admin", error: null });
  },
);
