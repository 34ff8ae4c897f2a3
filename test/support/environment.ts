import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { packFiles } from "./archive.ts";
import { followRun, type RunEvent } from "./run-stream.ts";
import type { Reply } from "./call.ts";
import type { TestSystem } from "./system.ts";

/** The reply of a run, as far as tests look at it. */
export interface Run {
  id: string;
  environment: string;
  number: number;
  state: string;
  error: string | null;
  endedBy: string | null;
  supersededBy: string | null;
  inputs: { variable: string; id: string; version: number; previous: unknown }[];
}

export interface Setting {
  category?: "terraform" | "env";
  sensitive?: boolean;
  hcl?: boolean;
}

export interface EnvironmentOptions {
  /** In the namespace acmeinc; without one, a name that nobody has. */
  name?: string;
  /** Files of the first configuration; none leaves the environment without one. */
  files?: Readonly<Record<string, string>>;
  /** Variable → reference. */
  inputs?: Readonly<Record<string, string | { reference: string; type?: string; region?: string }>>;
  /** Terraform variables that are strings. */
  variables?: Readonly<Record<string, string>>;
  autoApply?: boolean;
}

/** How long a run may take on a busy machine. */
const runDeadlineMs = 25_000;
const everyMs = 50;

/** The body of a reply that has the status. */
function expectStatus<Body>(status: number, reply: Reply): Body {
  expect(reply).toMatchObject({ status });
  return reply.body;
}

export class TestEnvironment {
  readonly name: string;
  /** The environment's address in our API. */
  readonly url: string;
  readonly #system: TestSystem;

  constructor(system: TestSystem, name: string) {
    this.#system = system;
    this.name = name;
    this.url = `/api/v2/environments/${name}`;
  }

  async push(files: Readonly<Record<string, string>>): Promise<Reply> {
    return this.upload(await packFiles(files));
  }

  async upload(archive: Uint8Array<ArrayBuffer>): Promise<Reply> {
    const { url, token } = this.#system;
    const response = await fetch(`${url}${this.url}/configurations`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/gzip" },
      body: archive,
    });
    return { status: response.status, body: (await response.json()) as never };
  }

  async bind(
    variable: string,
    { reference, type = "amazon.image", region }: { reference: string; type?: string; region?: string },
  ): Promise<void> {
    const body = { reference, ...(type && { type }), ...(region && { region }) };
    expectStatus(200, await this.call("PUT", `/inputs/${variable}`, body));
  }

  async set(key: string, value: string, { category = "terraform", ...flags }: Setting = {}): Promise<void> {
    expectStatus(200, await this.call("PUT", `/variables/${category}/${key}`, { value, ...flags }));
  }

  async call(method: string, path: string, body?: unknown): Promise<Reply> {
    return this.#system.call(method, `${this.url}${path}`, body === undefined ? {} : { body });
  }

  /** Asks for a run as a user. */
  async start(options: { message?: string; destroy?: boolean } = {}): Promise<Run> {
    return expectStatus(201, await this.call("POST", "/runs", options));
  }

  /** Asks for a run and sees it through; it must become `applied` or `planned_no_changes`. */
  async apply(options: { destroy?: boolean } = {}): Promise<Run> {
    const run = await this.start(options);
    const planned = await waitForRun(this.#system, run, ["planned", "planned_no_changes"]);
    if (planned.state === "planned_no_changes") return planned;
    await decide(this.#system, run, "confirm");
    return waitForRun(this.#system, run, ["applied"]);
  }

  /** Newest first. */
  async runs(): Promise<Run[]> {
    const { body } = await this.call("GET", "/runs");
    return (body as { items: Run[] }).items;
  }

  /** Waits until the run with this number is there and is in one of the states. */
  async run(number: number, states: readonly string[]): Promise<Run> {
    const what = `run ${number} of ${this.name} is there`;
    const run = await until(what, async () => (await this.runs()).find((each) => each.number === number));
    return waitForRun(this.#system, run, states);
  }
}

/** Makes an environment with a configuration, variables and inputs. */
export async function givenEnvironment(
  system: TestSystem,
  { name, files, inputs = {}, variables = {}, autoApply = false }: EnvironmentOptions = {},
): Promise<TestEnvironment> {
  const own = name ?? `env-${randomBytes(4).toString("hex")}`;
  const body = { namespace: "acmeinc", name: own, autoApply };
  expectStatus(201, await system.call("POST", "/api/v2/environments", { body }));
  const environment = new TestEnvironment(system, `acmeinc/${own}`);
  for (const [key, value] of Object.entries(variables)) await environment.set(key, value);
  for (const [variable, input] of Object.entries(inputs)) {
    await environment.bind(variable, typeof input === "string" ? { reference: input } : input);
  }
  if (files) expectStatus(201, await environment.push(files));
  return environment;
}

/** Publishes as Packer's atlas post-processor does. */
export async function publish(
  system: TestSystem,
  artifact: string,
  { id, type = "amazon.image", buildId = 0 }: { id: string; type?: string; buildId?: number },
): Promise<void> {
  const body = { artifact_version: { id, file: false, metadata: null, build_id: buildId, compile_id: 0 } };
  expectStatus(200, await system.call("POST", `/api/v1/artifacts/${artifact}/${type}`, { body }));
}

/** Confirms, discards, cancels or force-cancels a run; it must be allowed. */
export async function decide(system: TestSystem, { id }: Pick<Run, "id">, decision: string): Promise<Run> {
  return expectStatus(200, await system.call("POST", `/api/v2/runs/${id}/${decision}`));
}

/** Follows the run's event stream until it is in one of the states; fails with the reason when it ends in another. */
export async function waitForRun(
  system: TestSystem,
  { id, number }: Pick<Run, "id" | "number">,
  states: readonly string[],
): Promise<Run> {
  const seen: RunEvent[] = [];
  const signal = AbortSignal.timeout(runDeadlineMs);
  try {
    for await (const event of followRun(system, id, { signal })) {
      seen.push(event);
      if (event.type === "state" && states.includes(event.state)) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  const { body } = await system.call("GET", `/api/v2/runs/${id}`);
  const run = body as Run;
  if (states.includes(run.state)) return run;
  const log = seen.map((event) => (event.type === "log" ? event.text : "")).join("");
  throw new Error(`run ${number} is ${run.state}, not ${states.join(" or ")}: ${run.error ?? ""}\n${log}`);
}

/** Looks again and again, for what no stream announces. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + runDeadlineMs;
  while (performance.now() < deadline) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error(`waited ${runDeadlineMs / 1000} s until ${what}`);
}
