import { createHash, randomBytes, randomUUID } from "node:crypto";
import pg from "pg";
import { packFiles } from "../support/archive.ts";
import type { TestSystem } from "../support/system.ts";

/** A path that no Terraform has: runs become errored instead of working. */
export const withoutTerraform = { INGOT_TERRAFORM: "/nonexistent/terraform" };

export const configuration = { "main.tf": 'output "it" { value = 1 }\n' };

export interface GivenSecrets {
  variable: string;
  state: string;
}

/** A namespace with an artifact `web` of three versions, and an environment `prod` with everything in it. */
export async function givenNamespace(
  system: TestSystem,
  namespace: string,
  { variable, state }: GivenSecrets,
): Promise<{ uploadUrl: string }> {
  await must(system, "POST", "/api/v2/namespaces", { name: namespace });
  const versions = `/api/v2/artifacts/${namespace}/web/versions`;
  const image = {
    type: "amazon.image",
    externalId: "us-east-1:ami-1,eu-west-1:ami-2",
    metadata: { os: "linux" },
  };
  await must(system, "POST", versions, image);
  await send(system, "PUT", await givenUpload(system, namespace), "the file");
  const uploadUrl = await givenUpload(system, namespace);
  await givenEnvironment(system, { namespace, name: "prod" });
  const prod = `/api/v2/environments/${namespace}/prod`;
  await must(system, "PUT", `${prod}/variables/terraform/size`, { value: "3" });
  await must(system, "PUT", `${prod}/variables/env/PASSWORD`, { value: variable, sensitive: true });
  const input = { reference: `${namespace}/web:latest`, type: "amazon.image", region: "us-east-1" };
  await must(system, "PUT", `${prod}/inputs/web_ami`, input);
  await givenState(system, { namespace, name: "prod", secret: state });
  return { uploadUrl };
}

/** A version whose file is awaited: answers where. */
export async function givenUpload(system: TestSystem, namespace: string): Promise<string> {
  const path = `/api/v2/artifacts/${namespace}/web/versions`;
  const { uploadUrl } = (await must(system, "POST", path, { type: "vagrant.box", file: true })) as {
    uploadUrl: string;
  };
  return uploadUrl;
}

interface Home {
  namespace: string;
  name: string;
}

/** An environment with a configuration. */
export async function givenEnvironment(system: TestSystem, { namespace, name }: Home): Promise<void> {
  await must(system, "POST", "/api/v2/environments", { namespace, name });
  const url = `${system.url}/api/v2/environments/${namespace}/${name}/configurations`;
  await send(system, "POST", url, await packFiles(configuration));
}

export async function givenState(
  system: TestSystem,
  { namespace, name, secret }: Home & { secret: string },
): Promise<void> {
  const body = { version: 4, serial: 1, lineage: "l", outputs: { secret: { value: secret } } };
  await must(system, "POST", `/api/v2/environments/${namespace}/${name}/state`, body);
}

export interface GivenRun extends Home {
  state: string;
}

/**
 * A run as a worker would have left it, in an environment of its own that is made on the way: no Terraform needed.
 * The token is the run's own.
 */
export async function givenRun(
  system: TestSystem,
  { namespace, name, state }: GivenRun,
): Promise<{ id: string; token: string }> {
  await givenEnvironment(system, { namespace, name });
  const id = randomUUID();
  const token = `ingot_run_${randomBytes(32).toString("base64url")}`;
  await query(
    system,
    `with home as (
       update runner.environment set last_run_number = 1 where namespace = $1 and name = $2 returning id
     )
     insert into runner.run (id, environment_id, number, state, cause, destroy, created_by, dispatched_at, token_hash,
       cancel_requested_at, configuration_number, diff)
     select $3, id, 1, $4, '{"user":{"name":"test"}}', false, 'test', now(), $5, now() - interval '1 minute', 1,
       '{"summary":{"add":1,"change":0,"destroy":0,"replace":0},"changes":[]}' from home`,
    [namespace, name, id, state, createHash("sha256").update(token).digest()],
  );
  await query(system, "insert into runner.run_log (run_id, seq, phase, text) values ($1, 1, 'plan', $2)", [
    id,
    "Planning\n",
  ]);
  return { id, token };
}

export async function query(system: TestSystem, text: string, values: unknown[]): Promise<void> {
  const client = new pg.Client({ connectionString: system.databaseUrl });
  await client.connect();
  try {
    await client.query(text, values);
  } finally {
    await client.end();
  }
}

async function must(system: TestSystem, method: string, path: string, body: unknown): Promise<unknown> {
  const reply = await system.call(method, path, { body });
  if (reply.status >= 300) {
    throw new Error(
      `Cannot prepare: ${method} ${path} answered ${reply.status} ${JSON.stringify(reply.body)}`,
    );
  }
  return reply.body;
}

async function send(
  system: TestSystem,
  method: string,
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<void> {
  const headers = { authorization: `Bearer ${system.token}`, "content-type": "application/octet-stream" };
  const reply = await fetch(url, { method, headers, body });
  if (!reply.ok) throw new Error(`Cannot prepare: ${method} ${url} answered ${reply.status}`);
}
