import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { packDirectory } from "#runner/configuration/archive-pack.ts";
import { findTerraform } from "#runner/terraform/find.ts";
import { createClient, type Client, type DemoRun } from "./client.ts";
import { detail, sentence, step } from "./tell.ts";

const configuration = path.join(import.meta.dirname, "configuration");
const program = path.join(import.meta.dirname, "..", "ingot.js");
const first = { "us-east-1": "ami-0aa11bb22cc33dd44", "eu-west-1": "ami-0aa11bb22cc33eeee" };
const second = { "us-east-1": "ami-0ee55ff66aa77bb88", "eu-west-1": "ami-0ee55ff66aa77cccc" };

/** From a published version to an applied change, told step by step. */
export async function walk(): Promise<void> {
  const terraform = await findTerraform(process.env["INGOT_TERRAFORM"]);
  await using resources = new AsyncDisposableStack();
  const dataDir = await mkdtemp(path.join(tmpdir(), "ingot-demo-"));
  resources.defer(() => rm(dataDir, { recursive: true, force: true }));

  step("Start Ingot on its embedded default", `ingot start   # data in ${dataDir}`);
  const ingot = resources.use(await startIngot(dataDir));
  const client = createClient(ingot);
  detail(`listening on ${ingot.url}, runs with ${terraform.product} ${terraform.version}`);

  step("Publish acmeinc/web as Packer's atlas post-processor does", "packer build web.json");
  assert.equal(await client.publishLikePacker("acmeinc/web", first), 1);
  detail(`acmeinc/web:1 (amazon.image)  ${formatImages(first)}`);
  assert.equal(await client.resolve("acmeinc/web:latest", "us-east-1"), first["us-east-1"]);
  detail(`acmeinc/web:latest in us-east-1 is ${first["us-east-1"]}`);

  step("Create the environment acmeinc/prod", "ingot env create acmeinc/prod");
  await client.createEnvironment("acmeinc/prod");
  await client.bindInput("acmeinc/prod", "web_ami", "acmeinc/web:latest", "us-east-1");
  detail("web_ami = acmeinc/web:latest (amazon.image, us-east-1)");
  await client.pushConfiguration("acmeinc/prod", packDirectory(configuration));
  detail("configuration 1: resource terraform_data.web { triggers_replace = var.web_ami }");

  step("Plan and apply version 1", "ingot run start acmeinc/prod");
  const created = await client.waitForRun(await client.startRun("acmeinc/prod"), "planned");
  assert.deepEqual(created.changes, { add: 1, change: 0, destroy: 0, replace: 0 });
  await confirm(client, created);

  step("Publish version 2: nobody asks for a run", "packer build web.json");
  assert.equal(await client.publishLikePacker("acmeinc/web", second), 2);
  const caused = await client.waitForRun(await client.nextRun("acmeinc/prod", 2), "planned");
  detail(`run ${caused.number} of ${caused.environment} is planned: ${causeOf(caused)}`);
  await showPlan(client, caused);

  step("Confirm it", "ingot run confirm acmeinc/prod#2");
  const applied = await confirm(client, caused);

  step("What is applied, and why", "ingot run show acmeinc/prod#2");
  assert.equal(await client.appliedImage("acmeinc/prod"), second["us-east-1"]);
  detail(`state of acmeinc/prod: terraform_data.web.triggers_replace = ${second["us-east-1"]}`);
  assert.equal(applied.cause.artifact, "acmeinc/web");
  assert.equal(applied.cause.version, 2);
  detail(`event ${applied.cause.event}: acmeinc/web:2 published by ${applied.cause.by}`);
  detail(`→ run ${applied.number} requested, planned, confirmed by ${applied.confirmedBy}, applied`);
  const [input] = applied.inputs;
  assert.equal(input?.previous?.id, first["us-east-1"]);
  detail(`→ web_ami: ${input?.previous?.id} (version 1) -> ${input?.id} (version 2)`);
  sentence(
    "The pipeline walked: a published version became an applied change, with an operator's word between.",
  );
}

async function showPlan(client: Client, run: DemoRun): Promise<void> {
  const [resource] = await client.readPlan(run);
  assert.equal(resource?.address, "terraform_data.web");
  assert.equal(resource?.action, "replace");
  const attribute = resource?.attributes.find(({ path: name }) => name === "triggers_replace");
  assert.deepEqual([attribute?.before, attribute?.after], [first["us-east-1"], second["us-east-1"]]);
  detail(`-/+ ${resource?.address} must be replaced`);
  detail(`      triggers_replace: ${String(attribute?.before)} -> ${String(attribute?.after)}`);
}

async function confirm(client: Client, run: DemoRun): Promise<DemoRun> {
  await client.confirm(run);
  const applied = await client.waitForRun(run, "applied");
  detail(`run ${applied.number}: plan confirmed by ${applied.confirmedBy}, applied`);
  return applied;
}

function causeOf({ cause }: DemoRun): string {
  return `${cause.artifact}:${cause.version} was published by ${cause.by}`;
}

function formatImages(images: Readonly<Record<string, string>>): string {
  return Object.entries(images)
    .map(([region, id]) => `${region}:${id}`)
    .join("  ");
}

interface RunningIngot extends AsyncDisposable {
  url: string;
  token: string;
}

/** The real program, as a newcomer would start it, on a free port. */
async function startIngot(dataDir: string): Promise<RunningIngot> {
  const settings = {
    INGOT_DATA_DIR: dataDir,
    INGOT_LISTEN: "127.0.0.1:0",
    INGOT_LOG: "warn",
    DATABASE_URL: "",
  };
  const child = spawn(process.execPath, [program, "start"], {
    env: { ...process.env, ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const printed = { url: "", token: "" };
  for await (const line of createInterface({ input: child.stdout })) {
    printed.url ||= /ready: (http\S+)/.exec(line)?.[1] ?? "";
    printed.token ||= /^\s+(ingot_\S+)$/.exec(line)?.[1] ?? "";
    if (printed.url && printed.token) return { ...printed, [Symbol.asyncDispose]: () => stop(child) };
  }
  throw new Error(`Ingot ended before it was ready, with code ${child.exitCode}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
