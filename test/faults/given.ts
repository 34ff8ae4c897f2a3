import { packFiles } from "../support/archive.ts";
import { until, type UntilOptions } from "../support/probe.ts";
import type { Ingot } from "../support/process.ts";

/** What the tests read of a version. */
export interface Version {
  number: number;
  builds: { externalId: string; state: "pending" | "complete"; file: { sha256: string } | null }[];
}

/** What the tests read of a run. */
export interface Run {
  id: string;
  number: number;
  state: string;
  error: string | null;
  cause: { kind: string; event: string | null; artifact: string | null; version: number | null };
  supersededBy: string | null;
}

export const artifactType = "amazon.image";

export interface Publish {
  artifact?: string;
  /** Region and image. Default "us-east-1:ami-1". */
  externalId?: string;
  file?: boolean;
  /** Idempotency-Key. */
  key?: string;
}

export interface Published {
  version: Version;
  uploadUrl: string | null;
}

/** Publishes a version by our API; throws when it is not acknowledged. */
export async function publish(ingot: Ingot, options: Publish = {}): Promise<Published> {
  const { artifact = "acmeinc/web", externalId = "us-east-1:ami-1", file = false, key } = options;
  const reply = await ingot.call("POST", `/api/v2/artifacts/${artifact}/versions`, {
    body: { type: artifactType, externalId, file },
    ...(key !== undefined && { headers: { "idempotency-key": key } }),
  });
  return accepted(reply, 201);
}

/** Publishes a version as Packer's post-processor does; answers its number. */
export async function publishByAtlas(
  ingot: Ingot,
  { artifact = "acmeinc/web", externalId = "us-east-1:ami-1" }: Pick<Publish, "artifact" | "externalId">,
): Promise<number> {
  const body = { artifact_version: { id: externalId, file: false } };
  const reply = await ingot.call("POST", `/api/v1/artifacts/${artifact}/${artifactType}`, { body });
  return accepted<{ version: number }>(reply, 200).version;
}

/** Every version of the artifact, oldest first. */
export async function listVersions(ingot: Ingot, artifact = "acmeinc/web"): Promise<Version[]> {
  return listAll(ingot, `/api/v2/artifacts/${artifact}/versions`);
}

async function listAll<Item>(ingot: Ingot, url: string): Promise<Item[]> {
  const all: Item[] = [];
  for (let after = ""; ;) {
    const reply = await ingot.call("GET", `${url}?limit=100${after}`);
    const { items, next } = accepted<{ items: Item[]; next: string | null }>(reply, 200);
    all.push(...items);
    if (!next) return all.toReversed();
    after = `&after=${next}`;
  }
}

export interface GivenEnvironment {
  name?: string;
  /** Terraform variable → artifact whose `latest` it follows. */
  inputs?: Record<string, string>;
  /** Text of main.tf; without it the environment has nothing to plan. */
  main?: string;
  autoApply?: boolean;
}

/** An environment, as an operator sets one up; answers its address in the API. */
export async function givenEnvironment(ingot: Ingot, options: GivenEnvironment = {}): Promise<string> {
  const { name = "prod", inputs = {}, main, autoApply = false } = options;
  const url = `/api/v2/environments/acmeinc/${name}`;
  const body = { namespace: "acmeinc", name, autoApply };
  accepted(await ingot.call("POST", "/api/v2/environments", { body }), 201);
  for (const [variable, artifact] of Object.entries(inputs)) {
    const input = { reference: `${artifact}:latest`, type: artifactType, region: "us-east-1" };
    accepted(await ingot.call("PUT", `${url}/inputs/${variable}`, { body: input }), 200);
  }
  if (main !== undefined) await pushConfiguration(ingot, url, main);
  await untilFollowing(ingot, `acmeinc/${name}`, Object.keys(inputs).length);
  return url;
}

async function pushConfiguration(ingot: Ingot, url: string, main: string): Promise<void> {
  const pushed = await fetch(`${ingot.url}${url}/configurations`, {
    method: "POST",
    headers: { authorization: `Bearer ${ingot.token}`, "content-type": "application/gzip" },
    body: await packFiles({ "main.tf": main }),
  });
  if (pushed.status !== 201) throw new Error(`Configuration refused: ${await pushed.text()}`);
}

async function untilFollowing(ingot: Ingot, environment: string, count: number): Promise<void> {
  await until(`"${environment}" follows ${count} artifacts`, async () => {
    const reply = await ingot.call("GET", `/api/v2/subscriptions?environment=${environment}`);
    return accepted<{ items: unknown[] }>(reply, 200).items.length === count;
  });
}

export async function askRun(ingot: Ingot, environment: string, key?: string): Promise<Run> {
  const headers = key === undefined ? {} : { "idempotency-key": key };
  return accepted(await ingot.call("POST", `${environment}/runs`, { body: {}, headers }), 201);
}

/** Every run of the environment, oldest first. */
export async function listRuns(ingot: Ingot, environment: string): Promise<Run[]> {
  return listAll(ingot, `${environment}/runs`);
}

export async function getRun(ingot: Ingot, id: string): Promise<Run> {
  return accepted(await ingot.call("GET", `/api/v2/runs/${id}`), 200);
}

/** Waits until the run is in the state, or in another one that it does not leave by itself. */
export async function untilRun(
  ingot: Ingot,
  id: string,
  state: string,
  options?: UntilOptions,
): Promise<Run> {
  const isThere = async () => {
    const run = await getRun(ingot, id);
    return (
      [state, "planned", "planned_no_changes", "applied", "errored", "canceled"].includes(run.state) && run
    );
  };
  const run = await until(`run ${id} is ${state}`, isThere, options);
  if (run && run.state === state) return run;
  throw new Error(`Run ${id} is ${run && run.state}, expected ${state}: ${run && run.error}`);
}

/** The body of a reply with this status. */
export function accepted<Body>({ status, body }: { status: number; body: unknown }, expected: number): Body {
  if (status === expected) return body as Body;
  throw new Error(`Answered ${status}, expected ${expected}: ${JSON.stringify(body)}`);
}

/** `1` to `last`. */
export function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
