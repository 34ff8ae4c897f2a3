import type { Transaction } from "kysely";
import { Type } from "typebox";
import { allows, type Principal, type Role } from "#core/access.ts";
import type { BlobStore } from "#core/blob/blob-store.ts";
import type { Clock } from "#core/clock.ts";
import { UnauthorizedError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { decodeTextCursor, toPage } from "#core/http/cursor.ts";
import { page, PageQuery, problems, ref } from "#core/http/schemas.ts";
import type { SecretBox } from "#core/secret-box.ts";
import { authorizeEnvironment, visibleEnvironments } from "../access.ts";
import type { RunnerDatabase, RunnerTables } from "../database.ts";
import { environmentParams } from "../environment/environment.ts";
import { getEnvironment } from "../environment/store.ts";
import { cancelRun, confirmRun, discardRun, forceCancelRun } from "./decide.ts";
import { readLog } from "./log.ts";
import type { PhaseSender } from "./queue.ts";
import { Run, runSchemas, RunStateWord, toRunReply } from "./reply.ts";
import { askRun } from "./request.ts";
import { readRescuedState } from "./rescue.ts";
import { PlanNotFoundError, RunNotFoundError, type RunRecord } from "./run.ts";
import { findRun, listRuns } from "./store.ts";
import { stateReply } from "../state/state.ts";
import { streamRun } from "./stream.ts";

const RunPage = page("RunPage", Run);
const RunCreate = Type.Object(
  {
    message: Type.Optional(Type.String({ maxLength: 1000 })),
    destroy: Type.Optional(Type.Boolean({ description: "Plan to destroy everything in the state" })),
  },
  { $id: "RunCreate", additionalProperties: false },
);
const PlanDiffReply = Type.Unsafe<object>({
  $id: "PlanDiff",
  type: "object",
  additionalProperties: true,
  description: "What the plan changes, attribute by attribute, with secrets masked",
});
const runParams = Type.Object({ id: Type.String({ format: "uuid" }) });
const tags = ["runs"];

export interface RunRoutesDeps {
  database: RunnerDatabase;
  boss: PhaseSender;
  blobs: BlobStore;
  box: SecretBox;
  clock: Clock;
  wake(): void;
  /** Aborts when the process stops, and ends the streams. */
  stopping: AbortSignal;
}

export function mountRuns(app: HttpApp, deps: RunRoutesDeps): void {
  for (const schema of [...runSchemas, RunPage, RunCreate, PlanDiffReply]) app.addSchema(schema);
  mountRunLists(app, deps);
  mountRunReads(app, deps);
  mountDecisions(app, deps);
}

function mountRunLists(app: HttpApp, { database, boss, wake }: RunRoutesDeps): void {
  const url = "/api/v2/environments/:namespace/:name/runs";
  const querystring = Type.Object({ ...PageQuery, state: Type.Optional(ref(RunStateWord)) });
  const byId = { key: ({ id }: RunRecord) => id, item: toRunReply };

  app.get(
    "/api/v2/runs",
    {
      schema: {
        operationId: "listRuns",
        summary: "List the runs that the caller may see, newest first",
        tags,
        querystring,
        response: { 200: ref(RunPage), ...problems(400, 401, 422) },
      },
    },
    async (request) => {
      if (!request.principal) throw new UnauthorizedError("Cannot list runs: no valid token given");
      const { limit = 50, after, state } = request.query;
      const visible = visibleEnvironments(request.principal);
      const rows = await listRuns(database.kysely, { visible, state, after: decodeRunCursor(after), limit });
      return toPage(rows, limit, byId);
    },
  );

  app.get(
    url,
    {
      schema: {
        operationId: "listEnvironmentRuns",
        summary: "List the runs of an environment, newest first",
        tags,
        params: environmentParams,
        querystring,
        response: { 200: ref(RunPage), ...problems(400, 401, 404, 422) },
      },
    },
    async (request) => {
      const action = "list the runs of";
      authorizeEnvironment(request.principal, { environment: request.params, role: "read", action });
      const { id } = await getEnvironment(database.kysely, request.params, action);
      const { limit = 50, after, state } = request.query;
      const query = { visible: "*", environmentId: id, state, after: decodeRunCursor(after), limit } as const;
      return toPage(await listRuns(database.kysely, query), limit, byId);
    },
  );

  app.post(
    url,
    {
      schema: {
        operationId: "createRun",
        summary: "Ask for a run",
        description: "The same Idempotency-Key asks once.",
        tags,
        params: environmentParams,
        headers: Type.Object({
          "idempotency-key": Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
        }),
        body: ref(RunCreate),
        response: { 201: ref(Run), ...problems(400, 401, 403, 404, 409, 415) },
      },
    },
    async (request, reply) => {
      const action = "start a run in";
      authorizeEnvironment(request.principal, { environment: request.params, role: "operate", action });
      const environment = await getEnvironment(database.kysely, request.params, action);
      const { message = "", destroy = false } = request.body;
      const asked = { environment, by: request.principal.name, message, destroy };
      const idempotencyKey = request.headers["idempotency-key"];
      const run = await database.kysely
        .transaction()
        .execute((trx) => askRun(trx, boss, { ...asked, idempotencyKey }));
      wake();
      return reply.code(201).send(toRunReply(run));
    },
  );
}

function decodeRunCursor(after: string | undefined): string | undefined {
  const id = decodeTextCursor(after);
  if (id !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
    return decodeTextCursor("");
  return id;
}

function mountRunReads(app: HttpApp, { database, blobs, box, stopping }: RunRoutesDeps): void {
  app.get(
    "/api/v2/runs/:id",
    {
      schema: {
        operationId: "getRun",
        summary: "Read a run",
        tags,
        params: runParams,
        response: { 200: ref(Run), ...problems(400, 401, 404) },
      },
    },
    async (request) => toRunReply(await enter(database, request, { role: "read", action: "read" })),
  );

  app.get(
    "/api/v2/runs/:id/plan",
    {
      schema: {
        operationId: "getRunPlan",
        summary: "Read what a run's plan changes",
        tags,
        params: runParams,
        response: { 200: ref(PlanDiffReply), ...problems(400, 401, 404) },
      },
    },
    async (request) => {
      const run = await enter(database, request, { role: "read", action: "read the plan of" });
      if (!run.diff) throw new PlanNotFoundError(run);
      return run.diff;
    },
  );

  app.get(
    "/api/v2/runs/:id/log",
    {
      schema: {
        operationId: "getRunLog",
        summary: "Read a run's log as text",
        tags,
        params: runParams,
        response: {
          200: { description: "The log", content: { "text/plain": { schema: Type.String() } } },
          ...problems(400, 401, 404),
        },
      },
    },
    async (request, reply) => {
      const run = await enter(database, request, { role: "read", action: "read the log of" });
      const chunks = await readLog(database.kysely, run.id, { limit: 1_000_000 });
      return reply.type("text/plain; charset=utf-8").send(chunks.map(({ text }) => text).join(""));
    },
  );

  app.get(
    "/api/v2/runs/:id/unsaved-state",
    {
      schema: {
        operationId: "getRunUnsavedState",
        summary: "Read the state that a run's apply could not store",
        description: "Needs the role operate. Look at it, then push it with terraform state push.",
        tags,
        params: runParams,
        response: {
          200: stateReply,
          ...problems(400, 401, 403, 404),
        },
      },
    },
    async (request, reply) => {
      const run = await enter(database, request, { role: "operate", action: "read the unsaved state of" });
      return reply.type("application/json").send(await readRescuedState({ blobs, box }, run));
    },
  );

  app.get(
    "/api/v2/runs/:id/events",
    {
      schema: {
        operationId: "streamRun",
        summary: "Follow a run: its log and its states, as server-sent events, until it has ended",
        tags,
        params: runParams,
        headers: Type.Object({ "last-event-id": Type.Optional(Type.String({ pattern: "^[0-9]{1,9}$" })) }),
        response: {
          200: {
            description: "Events log and state",
            content: { "text/event-stream": { schema: Type.String() } },
          },
          ...problems(400, 401, 404),
        },
      },
    },
    async (request, reply) => {
      const run = await enter(database, request, { role: "read", action: "follow" });
      if (request.method === "HEAD") return reply.type("text/event-stream; charset=utf-8").send("");
      const closed = new AbortController();
      reply.hijack();
      const response = reply.raw;
      response.once("close", () => closed.abort());
      response.writeHead(200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "x-request-id": request.id,
      });
      const after = Number(request.headers["last-event-id"] ?? 0);
      const signal = AbortSignal.any([closed.signal, stopping]);
      try {
        await streamRun(database.kysely, response, { runId: run.id, after, signal });
      } catch (error) {
        request.log.warn({ requestId: request.id, run: run.id, err: error }, "run stream broke off");
      } finally {
        response.end();
      }
    },
  );
}

type Decide = (
  trx: Transaction<RunnerTables>,
  decision: { id: string; by: string; at: Date },
) => Promise<RunRecord>;

function mountDecisions(app: HttpApp, { database, boss, clock, wake }: RunRoutesDeps): void {
  const decisions: { name: string; operationId: string; summary: string; decide: Decide }[] = [
    {
      name: "confirm",
      operationId: "confirmRun",
      summary: "Confirm a planned run: exactly its plan is applied",
      decide: (trx, decision) => confirmRun(trx, boss, decision),
    },
    {
      name: "discard",
      operationId: "discardRun",
      summary: "Discard a planned run",
      decide: (trx, decision) => discardRun(trx, boss, decision),
    },
    {
      name: "cancel",
      operationId: "cancelRun",
      summary: "Cancel a run that has not ended; Terraform is interrupted",
      decide: (trx, decision) => cancelRun(trx, boss, decision),
    },
    {
      name: "force-cancel",
      operationId: "forceCancelRun",
      summary: "Kill a run that does not stop 10 seconds after a cancel; the state may be incomplete",
      decide: forceCancelRun,
    },
  ];
  for (const { name, operationId, summary, decide } of decisions) {
    app.post(
      `/api/v2/runs/:id/${name}`,
      {
        schema: {
          operationId,
          summary,
          tags,
          params: runParams,
          response: { 200: ref(Run), ...problems(400, 401, 403, 404, 409) },
        },
      },
      async (request) => {
        const { id } = await enter(database, request, { role: "operate", action: name });
        const by = request.principal?.name ?? "";
        const run = await database.kysely
          .transaction()
          .execute((trx) => decide(trx, { id, by, at: clock.now() }));
        wake();
        return toRunReply(run);
      },
    );
  }
}

interface RunRequest {
  params: { id: string };
  principal: Principal | undefined;
}

/** The run, if the caller may see it and do this; a run that it may not see is not there. */
async function enter(
  database: RunnerDatabase,
  { params: { id }, principal }: RunRequest,
  { role, action }: { role: Role; action: string },
): Promise<RunRecord> {
  if (!principal) throw new UnauthorizedError(`Cannot ${action} run "${id}": no valid token given`);
  const run = await findRun(database.kysely, id);
  if (!run || !allows(principal, run.namespace, "read")) throw new RunNotFoundError(id, action);
  const environment = { namespace: run.namespace, name: run.environmentName };
  authorizeEnvironment(principal, { environment, role, action: `${action} run ${run.number} of` });
  return run;
}
