import { Type } from "typebox";
import { UnauthorizedError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { decodeIntegerCursor, toPage } from "#core/http/cursor.ts";
import { noContent, page, PageQuery, problems, ref } from "#core/http/schemas.ts";
import { authorizeEnvironment, visibleEnvironments } from "../access.ts";
import type { RunnerDatabase } from "../database.ts";
import { dispatchNext, type PhaseSender } from "../run/queue.ts";
import { refuseLiveHolder } from "../state/holder.ts";
import { deleteStateLock } from "../state/store.ts";
import {
  Environment,
  environmentParams,
  EnvironmentExistsError,
  Name,
  toEnvironmentReply,
} from "./environment.ts";
import {
  getEnvironment,
  insertEnvironment,
  listEnvironments,
  lockEnvironment,
  releaseEnvironment,
  updateEnvironment,
} from "./store.ts";

const settings = {
  description: Type.Optional(Type.String({ maxLength: 2000 })),
  autoApply: Type.Optional(
    Type.Boolean({ description: "Apply plans with changes without an operator's word" }),
  ),
};
const EnvironmentCreate = Type.Object(
  { namespace: Name, name: Name, ...settings },
  { $id: "EnvironmentCreate", additionalProperties: false },
);
const EnvironmentUpdate = Type.Object(settings, { $id: "EnvironmentUpdate", additionalProperties: false });
const EnvironmentPage = page("EnvironmentPage", Environment);
const tags = ["environments"];

export interface EnvironmentRoutesDeps {
  database: RunnerDatabase;
  boss: PhaseSender;
}

export function mountEnvironments(app: HttpApp, { database, boss }: EnvironmentRoutesDeps): void {
  for (const schema of [Environment, EnvironmentCreate, EnvironmentUpdate, EnvironmentPage])
    app.addSchema(schema);

  app.get(
    "/api/v2/environments",
    {
      schema: {
        operationId: "listEnvironments",
        summary: "List the environments that the caller may see, newest first",
        tags,
        querystring: Type.Object(PageQuery),
        response: { 200: ref(EnvironmentPage), ...problems(400, 401, 422) },
      },
    },
    async (request) => {
      if (!request.principal) throw new UnauthorizedError("Cannot list environments: no valid token given");
      const { limit = 50, after } = request.query;
      const visible = visibleEnvironments(request.principal);
      const rows = await listEnvironments(database.kysely, {
        visible,
        after: decodeIntegerCursor(after),
        limit,
      });
      return toPage(rows, limit, { key: ({ id }) => id, item: toEnvironmentReply });
    },
  );

  app.post(
    "/api/v2/environments",
    {
      schema: {
        operationId: "createEnvironment",
        summary: "Create an environment",
        description: "Needs the role admin in the namespace.",
        tags,
        body: ref(EnvironmentCreate),
        response: { 201: ref(Environment), ...problems(400, 401, 403, 404, 409, 415) },
      },
    },
    async (request, reply) => {
      const { namespace, name, description = "", autoApply = false } = request.body;
      const environment = { namespace, name };
      authorizeEnvironment(request.principal, {
        environment,
        role: "admin",
        action: "create the environment",
      });
      const created = await insertEnvironment(database.kysely, { ...environment, description, autoApply });
      if (!created) throw new EnvironmentExistsError(environment);
      return reply.code(201).send(toEnvironmentReply(created));
    },
  );

  app.get(
    "/api/v2/environments/:namespace/:name",
    {
      schema: {
        operationId: "getEnvironment",
        summary: "Read an environment",
        tags,
        params: environmentParams,
        response: { 200: ref(Environment), ...problems(400, 401, 404) },
      },
    },
    async (request) => {
      authorizeEnvironment(request.principal, { environment: request.params, role: "read", action: "read" });
      return toEnvironmentReply(await getEnvironment(database.kysely, request.params));
    },
  );

  app.patch(
    "/api/v2/environments/:namespace/:name",
    {
      schema: {
        operationId: "updateEnvironment",
        summary: "Change an environment's settings",
        description: "Needs the role admin in the namespace.",
        tags,
        params: environmentParams,
        body: ref(EnvironmentUpdate),
        response: { 200: ref(Environment), ...problems(400, 401, 403, 404, 415) },
      },
    },
    async (request) => {
      authorizeEnvironment(request.principal, {
        environment: request.params,
        role: "admin",
        action: "change",
      });
      const { id } = await getEnvironment(database.kysely, request.params, "change");
      return toEnvironmentReply(await updateEnvironment(database.kysely, id, request.body));
    },
  );

  app.delete(
    "/api/v2/environments/:namespace/:name/lock",
    {
      schema: {
        operationId: "releaseEnvironment",
        summary: "Release an environment that a broken apply holds, and its state lock",
        description: "For an operator who has looked at what exists. The next run in the queue starts.",
        tags,
        params: environmentParams,
        response: { 204: noContent, ...problems(400, 401, 403, 404, 409) },
      },
    },
    async (request, reply) => {
      authorizeEnvironment(request.principal, {
        environment: request.params,
        role: "operate",
        action: "release",
      });
      const environment = await getEnvironment(database.kysely, request.params, "release");
      const { id } = environment;
      await database.kysely.transaction().execute(async (trx) => {
        await lockEnvironment(trx, id);
        await refuseLiveHolder(trx, { environment, action: "release" });
        await releaseEnvironment(trx, id);
        await deleteStateLock(trx, id);
        await dispatchNext(trx, boss, id);
      });
      return reply.code(204).send(null);
    },
  );
}
