import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

export interface DemoRun {
  id: string;
  environment: string;
  number: number;
  state: string;
  error: string | null;
  cause: { artifact: string | null; version: number | null; event: string | null; by: string };
  inputs: { id: string; previous: { id: string } | null }[];
  changes: { add: number; change: number; destroy: number; replace: number } | null;
  confirmedBy: string | null;
}

export interface DemoResource {
  address: string;
  action: string;
  attributes: { path: string; before: unknown; after: unknown }[];
}

const patienceMs = 20_000;

/** The calls of the demo, over HTTP as any client makes them. */
export function createClient({ url, token }: { url: string; token: string }) {
  async function call<T>(
    method: string,
    route: string,
    body?: unknown,
    type = "application/json",
  ): Promise<T> {
    const stream = body instanceof Readable;
    const response = await fetch(`${url}${route}`, {
      method,
      headers: {
        "x-atlas-token": token,
        accept: "application/json",
        ...(body !== undefined && { "content-type": type }),
      },
      ...(body !== undefined && {
        body: stream ? (Readable.toWeb(body) as ReadableStream) : JSON.stringify(body),
      }),
      ...(stream && { duplex: "half" }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${route} answered ${response.status}: ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(100)) {
      const found = await look();
      if (found !== undefined) return found;
    }
    throw new Error(`waited ${patienceMs / 1000} s in vain for ${what}`);
  }

  return {
    /** The requests that Packer's atlas post-processor makes. Answers the version. */
    async publishLikePacker(artifact: string, images: Readonly<Record<string, string>>): Promise<number> {
      const [username, name] = artifact.split("/");
      await call("GET", "/api/v1/authenticate");
      await call("POST", "/api/v1/artifacts", { artifact: { username, name } });
      const entries = Object.entries(images).sort(([one], [other]) => one.localeCompare(other));
      const id = entries.map(([region, ami]) => `${region}:${ami}`).join(",");
      const metadata = Object.fromEntries(entries.map(([region, ami]) => [`region.${region}`, ami]));
      const artifact_version = { id, metadata, file: false, build_id: 0, compile_id: 0 };
      const route = `/api/v1/artifacts/${artifact}/amazon.image`;
      return (await call<{ version: number }>("POST", route, { artifact_version })).version;
    },

    async resolve(reference: string, region: string): Promise<string> {
      return (
        await call<{ id: string }>("GET", `/api/v2/resolve/${reference}?type=amazon.image&region=${region}`)
      ).id;
    },

    async createEnvironment(environment: string): Promise<void> {
      const [namespace, name] = environment.split("/");
      await call("POST", "/api/v2/environments", { namespace, name });
    },

    async bindInput(environment: string, variable: string, reference: string, region: string): Promise<void> {
      const body = { reference, type: "amazon.image", region };
      await call("PUT", `/api/v2/environments/${environment}/inputs/${variable}`, body);
    },

    async pushConfiguration(environment: string, archive: Readable): Promise<void> {
      await call("POST", `/api/v2/environments/${environment}/configurations`, archive, "application/gzip");
    },

    startRun(environment: string): Promise<DemoRun> {
      return call("POST", `/api/v2/environments/${environment}/runs`, { message: "first apply" });
    },

    /** The run with this number, as soon as there is one. */
    nextRun(environment: string, number: number): Promise<DemoRun> {
      return until(`run ${number} of ${environment}`, async () => {
        const { items } = await call<{ items: DemoRun[] }>("GET", `/api/v2/environments/${environment}/runs`);
        return items.find((run) => run.number === number);
      });
    },

    waitForRun({ id, number }: DemoRun, state: string): Promise<DemoRun> {
      return until(`run ${number} to be ${state}`, async () => {
        const run = await call<DemoRun>("GET", `/api/v2/runs/${id}`);
        if (run.state === "errored") throw new Error(`run ${number} errored: ${run.error}`);
        return run.state === state ? run : undefined;
      });
    },

    async confirm({ id }: DemoRun): Promise<void> {
      await call("POST", `/api/v2/runs/${id}/confirm`);
    },

    async readPlan({ id }: DemoRun): Promise<DemoResource[]> {
      return (await call<{ resources: DemoResource[] }>("GET", `/api/v2/runs/${id}/plan`)).resources;
    },

    /** What the Terraform state holds now. */
    async appliedImage(environment: string): Promise<string | undefined> {
      interface State {
        resources: { instances: { attributes: { triggers_replace: { value: string } } }[] }[];
      }
      const state = await call<State>("GET", `/api/v2/environments/${environment}/state`);
      return state.resources[0]?.instances[0]?.attributes.triggers_replace.value;
    },
  };
}

export type Client = ReturnType<typeof createClient>;
