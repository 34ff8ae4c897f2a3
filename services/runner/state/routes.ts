import { Buffer } from "node:buffer";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { authorize, type Principal } from "#core/access.ts";
import { ForbiddenError, InvalidError, NotFoundError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { decodeIntegerCursor, toPage } from "#core/http/cursor.ts";
import { page, PageQuery, problems, ref } from "#core/http/schemas.ts";
import { authorizeEnvironment } from "../access.ts";
import type { RunnerDatabase } from "../database.ts";
import { environmentParams, formatEnvironment, type EnvironmentRef } from "../environment/environment.ts";
import { getEnvironment } from "../environment/store.ts";
import type { StateBackend, StateCaller } from "./backend.ts";
import {
  StateLockedError,
  stateReply,
  StateVersion,
  TerraformState,
  toStateReply,
  type LockInfo,
} from "./state.ts";
import { listStateVersions } from "./store.ts";

const stateVersionParams = Type.Object({
  ...environmentParams.properties,
  number: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
});
const StateVersionPage = page("StateVersionPage", StateVersion);
const bodyLimitBytes = 256 * 1024 * 1024;
const url = "/api/v2/environments/:namespace/:name/state";
const tags = ["state"];

export interface StateRoutesDeps {
  database: RunnerDatabase;
  state: StateBackend;
}

export function mountState(app: HttpApp, deps: StateRoutesDeps): void {
  mountStateVersions(app, deps);
  app.register(async (scope) => mountBackend(scope, deps));
}

/** The wire of Terraform's `http` backend. */
function mountBackend(app: HttpApp, { database, state }: StateRoutesDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: bodyLimitBytes }, (_request, body, done) =>
    done(null, body),
  );
  for (const method of ["LOCK", "UNLOCK"]) app.addHttpMethod(method, { hasBody: true });
  const description = "Terraform's http backend: set address, lock_address and unlock_address to this URL.";

  app.get(
    url,
    {
      schema: {
        operationId: "readState",
        summary: "Read the Terraform state",
        description,
        tags,
        params: environmentParams,
        response: {
          200: stateReply,
          204: Type.Unsafe<null>({ type: "null", description: "No state yet" }),
          ...problems(400, 401, 403, 404),
        },
      },
    },
    async (request, reply) => {
      const { environment } = await enter(request, "read the state of");
      const current = await state.read(environment);
      if (!current) return reply.code(204).send(null);
      reply.header("content-md5", current.md5.toString("base64")).type("application/json");
      return reply.send(current.body);
    },
  );

  app.post(
    url,
    {
      schema: {
        operationId: "writeState",
        summary: "Write the Terraform state",
        description,
        tags,
        params: environmentParams,
        body: { content: { "application/json": { schema: ref(TerraformState) } } },
        querystring: Type.Object({
          ID: Type.Optional(Type.String({ description: "Id of the lock that the caller holds" })),
        }),
        response: {
          200: Type.Unsafe<null>({ type: "null", description: "Stored" }),
          ...problems(400, 401, 403, 404, 409, 413, 422, 423),
        },
      },
    },
    async (request, reply) => {
      const { environment, caller } = await enter(request, "write the state of");
      const md5 = readMd5(request.headers["content-md5"]);
      await state.write(environment, { body: bodyOf(request), md5, lockId: request.query.ID, caller });
      return reply.code(200).send(null);
    },
  );

  app.route({
    method: "LOCK",
    url,
    schema: { hide: true, params: environmentParams },
    async handler(request, reply) {
      const { environment, caller } = await enter(request, "lock the state of");
      await state.lock(environment, { info: readLockInfo(bodyOf(request)), caller });
      return reply.code(200).send();
    },
  });

  app.route({
    method: "UNLOCK",
    url,
    schema: { hide: true, params: environmentParams },
    async handler(request, reply) {
      const { environment, caller } = await enter(request, "unlock the state of");
      const body = bodyOf(request);
      const lockId = body.length === 0 ? undefined : readLockInfo(body).ID;
      if (lockId === undefined && caller.runId) {
        throw new ForbiddenError(`Cannot force-unlock "${formatEnvironment(environment)}": a run may not`);
      }
      await state.unlock(environment, { lockId, caller });
      return reply.code(200).send();
    },
  });

  // Terraform reads the holder from the body of a 423.
  const inherited = app.errorHandler;
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof StateLockedError && request.method === "LOCK") {
      return reply.code(423).type("application/json").send(JSON.stringify(error.holder));
    }
    return inherited(error as never, request as never, reply as never);
  });

  async function enter(request: FastifyRequest, action: string) {
    const params = request.params as EnvironmentRef;
    const caller = admit(request.principal, params, action);
    return { caller, environment: await getEnvironment(database.kysely, params, action) };
  }
}

/** A run's token is good for the state of its own environment; else the state's secrets need the role operate. */
function admit(principal: Principal | undefined, environment: EnvironmentRef, action: string): StateCaller {
  const name = formatEnvironment(environment);
  if (principal?.work) {
    if (principal.work.of !== name)
      throw new NotFoundError(`Cannot ${action} "${name}": no such environment`);
    return { name: principal.name, runId: principal.work.id };
  }
  const attempt = {
    namespace: environment.namespace,
    action: `${action} "${name}"`,
    thing: "such environment",
  };
  authorize(principal, { ...attempt, role: "operate" });
  return { name: principal.name, runId: null };
}

function bodyOf(request: { body?: unknown }): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

function readMd5(header: string | string[] | undefined): Buffer | undefined {
  if (typeof header !== "string" || header === "") return undefined;
  const md5 = Buffer.from(header, "base64");
  if (md5.length !== 16)
    throw new InvalidError(`Cannot read Content-MD5 "${header}": expected the MD5 in base64`);
  return md5;
}

/** What PostgreSQL cannot store: NUL and halves of surrogate pairs, as JSON writes them. */
const brokenText = /\\u(0000|d[89a-f][0-9a-f]{2})/;

function readLockInfo(body: Buffer): LockInfo {
  try {
    const info = JSON.parse(body.toString()) as LockInfo;
    if (typeof info.ID === "string" && info.ID !== "" && !brokenText.test(JSON.stringify(info))) return info;
  } catch {
    // Falls through to the error that names the rule.
  }
  throw new InvalidError("Cannot lock the state: the body is no LockInfo with an ID");
}

function mountStateVersions(app: HttpApp, { database, state }: StateRoutesDeps): void {
  app.addSchema(TerraformState);
  app.addSchema(StateVersion);
  app.addSchema(StateVersionPage);

  app.get(
    "/api/v2/environments/:namespace/:name/state-versions",
    {
      schema: {
        operationId: "listStateVersions",
        summary: "List the stored versions of the state, newest first",
        tags,
        params: environmentParams,
        querystring: Type.Object(PageQuery),
        response: { 200: ref(StateVersionPage), ...problems(400, 401, 404, 422) },
      },
    },
    async (request) => {
      const action = "list the states of";
      authorizeEnvironment(request.principal, { environment: request.params, role: "read", action });
      const environment = await getEnvironment(database.kysely, request.params, action);
      const { limit = 50, after } = request.query;
      const rows = await listStateVersions(database.kysely, environment.id, {
        after: decodeIntegerCursor(after, { max: 2_147_483_647 }),
        limit,
      });
      return toPage(rows, limit, { key: ({ number }) => number, item: toStateReply });
    },
  );

  app.get(
    "/api/v2/environments/:namespace/:name/state-versions/:number",
    {
      schema: {
        operationId: "readStateVersion",
        summary: "Read the body of a stored state",
        tags,
        params: stateVersionParams,
        response: { 200: stateReply, ...problems(400, 401, 403, 404) },
      },
    },
    async (request, reply) => {
      const caller = admit(request.principal, request.params, "read a state of");
      if (caller.runId) throw new ForbiddenError("Cannot read an earlier state: a run may not");
      const environment = await getEnvironment(database.kysely, request.params, "read a state of");
      reply.type("application/json");
      return reply.send(await state.readVersion(environment, request.params.number));
    },
  );

  app.post(
    "/api/v2/environments/:namespace/:name/state-versions/:number/rollback",
    {
      schema: {
        operationId: "rollBackState",
        summary: "Make an earlier state the newest again",
        description:
          "Copies it forward as a new version with a higher serial; nothing is lost. Refused while the state is locked. What exists does not change: the next plan tells the difference.",
        tags,
        params: stateVersionParams,
        response: { 201: ref(StateVersion), ...problems(400, 401, 403, 404, 423) },
      },
    },
    async (request, reply) => {
      const caller = admit(request.principal, request.params, "roll back the state of");
      if (caller.runId) throw new ForbiddenError("Cannot roll back the state: a run may not");
      const environment = await getEnvironment(database.kysely, request.params, "roll back the state of");
      const { number } = request.params;
      return reply.code(201).send(toStateReply(await state.rollBack(environment, { number, caller })));
    },
  );
}
