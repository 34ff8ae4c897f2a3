import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { decide, givenEnvironment, waitForRun, type TestEnvironment } from "../support/environment.ts";
import { queryDatabase } from "../support/quiet.ts";
import { followRun } from "../support/run-stream.ts";
import { givenMeeting, startStorySystem } from "../support/story.ts";

const system = await startStorySystem();
const secrets = ["tf-s3cret-Xk1", "env-s3cret-Yp2", "hcl-s3cret-Zq3"];

const main = `variable "password" {}
variable "keys" { type = map(string) }
variable "where" {}
resource "terraform_data" "copy" { input = { password = var.password, key = var.keys["main"] } }
resource "terraform_data" "loud" {
  triggers_replace = terraform_data.copy.input
  provisioner "local-exec" {
    command = "echo \${var.password} \${var.keys["main"]} $API_KEY $INGOT_TOKEN; pwd > \${var.where}; exit \${var.code}"
  }
}
variable "code" { default = 0 }
output "password" { value = "the password is \${var.password}" }
`;

async function givenSecretEnvironment(where: string): Promise<TestEnvironment> {
  const environment = await givenEnvironment(system, { files: { "main.tf": main }, variables: { where } });
  const [password = "", apiKey = "", key = ""] = secrets;
  await environment.set("password", password, { sensitive: true });
  await environment.set("API_KEY", apiKey, { category: "env", sensitive: true });
  await environment.set("keys", `{ "main" = "${key}" }`, { sensitive: true, hcl: true });
  return environment;
}

test.concurrent("a sensitive variable is in no reply, table, event or file", async () => {
  await using meeting = await givenMeeting();
  const environment = await givenSecretEnvironment(meeting.file("where"));
  const planned = await waitForRun(system, await environment.start(), ["planned"]);
  await decide(system, planned, "confirm");
  await waitForRun(system, planned, ["applied"]);
  await environment.set("code", "7");
  await environment.set("password", `${secrets[0]}-new`, { sensitive: true });
  const errored = await environment.start();
  await waitForRun(system, errored, ["planned"]);
  await decide(system, errored, "confirm");
  const { error } = await waitForRun(system, errored, ["errored"]);

  expect(error).toContain("(sensitive value)");
  const replies = await readReplies(environment, [planned.id, errored.id]);
  expect(replies).toContain("(sensitive value)");
  const places = {
    replies,
    tables: await readTables(),
    files: await readFiles(
      path.resolve((await readFile(meeting.file("where"), "utf8")).trim(), "../../../.."),
    ),
  };
  expect(findSecrets(places, [...secrets, "ingot_run_"])).toEqual([]);
});

/** Which secret is where, also as PostgreSQL shows bytes. */
function findSecrets(places: Record<string, string>, wanted: readonly string[]): string[] {
  const forms = wanted.flatMap((secret) => [secret, Buffer.from(secret).toString("hex")]);
  return Object.entries(places).flatMap(([place, text]) =>
    forms.filter((form) => text.includes(form)).map((form) => `${form} in ${place}`),
  );
}

async function readReplies(environment: TestEnvironment, runs: readonly string[]): Promise<string> {
  const urls = [
    ...["", "/variables", "/inputs", "/runs", "/configurations", "/state-versions"].map(
      (rest) => `${environment.url}${rest}`,
    ),
    ...runs.flatMap((id) => ["", "/plan", "/log"].map((rest) => `/api/v2/runs/${id}${rest}`)),
  ];
  const texts: string[] = [];
  for (const url of urls) {
    const { status, body } = await system.call("GET", url);
    expect({ url, status }).toEqual({ url, status: 200 });
    texts.push(JSON.stringify(body));
  }
  for (const id of runs) for await (const event of followRun(system, id)) texts.push(JSON.stringify(event));
  return texts.join("\n");
}

async function readTables(): Promise<string> {
  const tables = await queryDatabase<{ name: string }>(
    system,
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await queryDatabase<{ row: string }>(system, `select t::text as row from ${name} t`);
    texts.push(...rows.map(({ row }) => `${name} ${row}`));
  }
  return texts.join("\n");
}

/** The whole data directory; nothing of a run's directory is left in it. */
async function readFiles(dataDir: string): Promise<string> {
  expect(await readdir(path.join(dataDir, "runs"))).toEqual([]);
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(
    files.map(({ parentPath, name }) => readFile(path.join(parentPath, name), "latin1")),
  );
  expect(files.map(({ parentPath }) => path.relative(dataDir, parentPath).split("/")[1])).toContain("plans");
  return texts.join("\n");
}
