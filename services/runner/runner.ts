import { mkdir } from "node:fs/promises";
import type { Authenticator } from "#core/access.ts";
import type { BlobStore } from "#core/blob/blob-store.ts";
import type { Bus } from "#core/bus/bus.ts";
import type { Clock } from "#core/clock.ts";
import { openDatabase } from "#core/database/database.ts";
import { migrate } from "#core/database/migrate.ts";
import type { HttpApp } from "#core/http/app.ts";
import type { Health } from "#core/http/health.ts";
import { openJobs } from "#core/jobs.ts";
import type { Log } from "#core/log.ts";
import { claimMessage, startRelay } from "#core/outbox/outbox.ts";
import type { SecretBox } from "#core/secret-box.ts";
import { toCloudEvent, type CloudEvent } from "#proto/cloud-event.ts";
import { mountConfigurations } from "./configuration/routes.ts";
import { removeUploads } from "./configuration/upload.ts";
import { runnerSchema, type RunnerTables } from "./database.ts";
import { mountEnvironments } from "./environment/routes.ts";
import { createHttpResolver } from "./input/resolver.ts";
import { mountInputs } from "./input/routes.ts";
import { createRunAuthenticator } from "./run/authenticator.ts";
import { createPhaseQueue, startPhases } from "./run/phases.ts";
import { takeRequest } from "./run/request.ts";
import { mountRuns } from "./run/routes.ts";
import { createStateBackend } from "./state/backend.ts";
import { mountState } from "./state/routes.ts";
import { findTerraform } from "./terraform/find.ts";
import { mountVariables } from "./variable/routes.ts";

export interface RunnerDeps {
  databaseUrl: string;
  app: HttpApp;
  bus: Bus;
  blobs: BlobStore;
  box: SecretBox;
  clock: Clock;
  log: Log;
  health: Health;
  /** Where runs have their directories. */
  workDir: string;
  /** The address under which a run reaches the registry and its state; known when the process listens. */
  url(): string;
  /** Path or name of Terraform or OpenTofu; undefined looks for them on the PATH. */
  terraform: string | undefined;
  hostEnvironment: Readonly<Record<string, string | undefined>>;
  cliConfiguration: string;
  /** Phases at once in this process. */
  concurrency: number;
  phaseTimeoutMs: number;
}

export interface Runner extends AsyncDisposable {
  readonly authenticator: Authenticator;
  /** Begins to work on runs: when the process listens, for Terraform needs its state. Dispose it before it stops to. */
  work(): Promise<AsyncDisposable>;
}

/** Environments with their configuration, variables, inputs and state; plans and applies runs with real Terraform. */
export async function startRunner(deps: RunnerDeps): Promise<Runner> {
  const { databaseUrl, app, bus, blobs, box, clock, log, health, workDir, url } = deps;
  await using resources = new AsyncDisposableStack();
  const stop = new AbortController();
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  await removeUploads(workDir);
  const database = resources.use(openDatabase<RunnerTables>({ url: databaseUrl, schema: "runner" }));
  await migrate(database.pool, runnerSchema);
  const toMessage = toCloudEvent.bind(undefined, "/runner");
  const outbox = resources.use(startRelay({ pool: database.pool, schema: "runner", bus, toMessage, log }));
  const jobs = resources.use(await openJobs({ databaseUrl, schema: "runner_jobs", log }));
  await createPhaseQueue(jobs);
  const { boss } = jobs;
  const wake = () => outbox.wake();
  const terraform = () => findTerraform(deps.terraform, deps.hostEnvironment["PATH"]);
  health.add(
    "terraform",
    async () => {
      const { product, version } = await terraform();
      return `${product} ${version}`;
    },
    {
      critical: false,
    },
  );

  resources.use(
    await bus.read<CloudEvent>({
      name: "runner",
      types: ["run.requested"],
      async handle(event) {
        await database.kysely.transaction().execute(async (trx) => {
          if (await claimMessage(trx, event)) await takeRequest(trx, { boss, log }, event);
        });
        wake();
      },
    }),
  );

  mountEnvironments(app, { database, boss });
  mountConfigurations(app, { database, blobs, workDir });
  mountVariables(app, { database, box });
  mountInputs(app, { database, wake });
  const state = createStateBackend({ database, box });
  mountState(app, { database, state });
  mountRuns(app, { database, boss, blobs, box, clock, wake, stopping: stop.signal });

  const phases = {
    database,
    boss,
    blobs,
    box,
    clock,
    log,
    resolver: createHttpResolver(url),
    state,
    terraform,
    workDir,
    url,
    hostEnvironment: deps.hostEnvironment,
    cliConfiguration: deps.cliConfiguration,
    phaseTimeoutMs: deps.phaseTimeoutMs,
    wake,
    stopping: stop.signal,
  };
  const running = resources.move();
  return {
    authenticator: createRunAuthenticator(database),
    async work() {
      const workers = new AsyncDisposableStack();
      workers.use(await startPhases(phases, { jobs, concurrency: deps.concurrency }));
      workers.defer(() => stop.abort());
      return workers;
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
