import { Type } from "typebox";
import type { HttpApp } from "#core/http/app.ts";
import { noContent, problems, ref } from "#core/http/schemas.ts";
import type { SecretBox } from "#core/secret-box.ts";
import { authorizeEnvironment } from "../access.ts";
import type { RunnerDatabase } from "../database.ts";
import { environmentParams, formatEnvironment } from "../environment/environment.ts";
import { getEnvironment } from "../environment/store.ts";
import { checkVariable } from "./check.ts";
import { deleteVariable, listVariables, putVariable } from "./store.ts";
import {
  openVariable,
  sealVariable,
  Variable,
  VariableCategory,
  VariableNotFoundError,
  type VariableRecord,
} from "./variable.ts";

const VariableList = Type.Object({ items: Type.Array(ref(Variable)) }, { $id: "VariableList" });
const VariablePut = Type.Object(
  {
    value: Type.String({ maxLength: 256 * 1024 }),
    sensitive: Type.Optional(Type.Boolean({ description: "Write-only, and masked in logs and plans" })),
    hcl: Type.Optional(
      Type.Boolean({ description: "The value is an HCL expression; terraform variables alone" }),
    ),
  },
  { $id: "VariablePut", additionalProperties: false },
);
const variableParams = Type.Object({
  ...environmentParams.properties,
  category: ref(VariableCategory),
  key: Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_-]{0,99}$" }),
});
const url = "/api/v2/environments/:namespace/:name/variables";
const tags = ["variables"];

export interface VariableRoutesDeps {
  database: RunnerDatabase;
  box: SecretBox;
}

export function mountVariables(app: HttpApp, { database, box }: VariableRoutesDeps): void {
  for (const schema of [VariableCategory, Variable, VariableList, VariablePut]) app.addSchema(schema);

  app.get(
    url,
    {
      schema: {
        operationId: "listVariables",
        summary: "List the variables of an environment",
        tags,
        params: environmentParams,
        response: { 200: ref(VariableList), ...problems(400, 401, 404) },
      },
    },
    async (request) => {
      const action = "list the variables of";
      authorizeEnvironment(request.principal, { environment: request.params, role: "read", action });
      const { id } = await getEnvironment(database.kysely, request.params, action);
      const variables = await listVariables(database.kysely, id);
      return { items: variables.map((variable) => toReply(box, id, variable)) };
    },
  );

  app.put(
    `${url}/:category/:key`,
    {
      schema: {
        operationId: "putVariable",
        summary: "Set a variable",
        tags,
        params: variableParams,
        body: ref(VariablePut),
        response: { 200: ref(Variable), ...problems(400, 401, 403, 404, 415, 422) },
      },
    },
    async (request) => {
      const { category, key } = request.params;
      const action = `set the variable "${key}" of`;
      authorizeEnvironment(request.principal, { environment: request.params, role: "operate", action });
      const { id } = await getEnvironment(database.kysely, request.params, action);
      const { value, sensitive = false, hcl = false } = request.body;
      const plain = { category, key, value, sensitive, hcl };
      checkVariable(plain);
      const sealed = sealVariable(box, id, plain);
      const updatedBy = request.principal.name;
      const stored = await putVariable(database.kysely, id, { ...plain, value: sealed, updatedBy });
      return toReply(box, id, stored);
    },
  );

  app.delete(
    `${url}/:category/:key`,
    {
      schema: {
        operationId: "deleteVariable",
        summary: "Delete a variable",
        tags,
        params: variableParams,
        response: { 204: noContent, ...problems(400, 401, 403, 404) },
      },
    },
    async (request, reply) => {
      const { category, key } = request.params;
      const action = `delete the variable "${key}" of`;
      authorizeEnvironment(request.principal, { environment: request.params, role: "operate", action });
      const { id } = await getEnvironment(database.kysely, request.params, action);
      if (await deleteVariable(database.kysely, id, { category, key })) return reply.code(204).send(null);
      throw new VariableNotFoundError(category, key, formatEnvironment(request.params));
    },
  );
}

function toReply(box: SecretBox, environmentId: number, record: VariableRecord) {
  const { category, key, sensitive, hcl, updatedBy, updatedAt } = record;
  const value = sensitive ? null : openVariable(box, environmentId, record).value;
  return { category, key, value, sensitive, hcl, updatedBy, updatedAt: updatedAt.toISOString() };
}
