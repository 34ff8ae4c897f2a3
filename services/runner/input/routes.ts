import { Type } from "typebox";
import { allows } from "#core/access.ts";
import { NotFoundError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { noContent, problems, ref } from "#core/http/schemas.ts";
import { artifactTypePattern, canonicalType } from "#proto/names.ts";
import { authorizeEnvironment } from "../access.ts";
import type { RunnerDatabase } from "../database.ts";
import { environmentParams, formatEnvironment } from "../environment/environment.ts";
import { getEnvironment, lockEnvironment } from "../environment/store.ts";
import { declareInputs } from "./declare.ts";
import { Input, InputNotFoundError, parseReference, toInputReply, variableName } from "./input.ts";
import { deleteInput, listInputs, putInput } from "./store.ts";

const InputList = Type.Object({ items: Type.Array(ref(Input)) }, { $id: "InputList" });
const InputPut = Type.Object(
  {
    reference: Type.String({ maxLength: 160, description: "acmeinc/web:latest" }),
    type: Type.Optional(Type.String({ pattern: `^${artifactTypePattern}$`, description: "Artifact type" })),
    region: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$" })),
  },
  { $id: "InputPut", additionalProperties: false },
);
const inputParams = Type.Object({ ...environmentParams.properties, variable: variableName });
const url = "/api/v2/environments/:namespace/:name/inputs";
const tags = ["inputs"];

export interface InputRoutesDeps {
  database: RunnerDatabase;
  wake(): void;
}

export function mountInputs(app: HttpApp, { database, wake }: InputRoutesDeps): void {
  for (const schema of [Input, InputList, InputPut]) app.addSchema(schema);

  app.get(
    url,
    {
      schema: {
        operationId: "listInputs",
        summary: "List the inputs of an environment",
        tags,
        params: environmentParams,
        response: { 200: ref(InputList), ...problems(400, 401, 404) },
      },
    },
    async (request) => {
      const action = "list the inputs of";
      authorizeEnvironment(request.principal, { environment: request.params, role: "read", action });
      const { id } = await getEnvironment(database.kysely, request.params, action);
      return { items: (await listInputs(database.kysely, id)).map(toInputReply) };
    },
  );

  app.put(
    `${url}/:variable`,
    {
      schema: {
        operationId: "putInput",
        summary: "Bind a Terraform variable to a reference",
        description: "Every version that is published there from now on causes a run.",
        tags,
        params: inputParams,
        body: ref(InputPut),
        response: { 200: ref(Input), ...problems(400, 401, 403, 404, 415, 422) },
      },
    },
    async (request) => {
      const { variable } = request.params;
      const action = `bind the input "${variable}" of`;
      authorizeEnvironment(request.principal, { environment: request.params, role: "operate", action });
      const { reference, type = "", region = "" } = request.body;
      const { namespace, artifact } = parseReference(variable, reference);
      if (!allows(request.principal, namespace, "read")) {
        throw new NotFoundError(
          `Cannot bind "${variable}" to "${reference}": no such artifact "${artifact}"`,
        );
      }
      const { id } = await getEnvironment(database.kysely, request.params, action);
      const updatedBy = request.principal.name;
      const stored = await database.kysely.transaction().execute(async (trx) => {
        const environment = await lockEnvironment(trx, id);
        const input = await putInput(trx, id, {
          variable,
          reference,
          type: canonicalType(type),
          region,
          updatedBy,
        });
        await declareInputs(trx, environment);
        return input;
      });
      wake();
      return toInputReply(stored);
    },
  );

  app.delete(
    `${url}/:variable`,
    {
      schema: {
        operationId: "deleteInput",
        summary: "Unbind a Terraform variable",
        tags,
        params: inputParams,
        response: { 204: noContent, ...problems(400, 401, 403, 404) },
      },
    },
    async (request, reply) => {
      const { variable } = request.params;
      const action = `unbind the input "${variable}" of`;
      authorizeEnvironment(request.principal, { environment: request.params, role: "operate", action });
      const { id } = await getEnvironment(database.kysely, request.params, action);
      await database.kysely.transaction().execute(async (trx) => {
        const environment = await lockEnvironment(trx, id);
        if (!(await deleteInput(trx, id, variable))) {
          throw new InputNotFoundError(variable, formatEnvironment(request.params));
        }
        await declareInputs(trx, environment);
      });
      wake();
      return reply.code(204).send(null);
    },
  );
}
