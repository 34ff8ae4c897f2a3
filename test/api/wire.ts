import type { Operation, Schema } from "../support/openapi.ts";

const text: Schema = { type: "string" };
const name: Schema = { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$" };

function object(properties: Record<string, Schema>, required = Object.keys(properties)): Schema {
  return { type: "object", properties, required, additionalProperties: true };
}

function json(schema: Schema): Pick<Operation, "requestBody"> {
  return { requestBody: { required: true, content: { "application/json": { schema } } } };
}

function query(names: readonly string[]): Pick<Operation, "parameters"> {
  return { parameters: names.map((each) => ({ name: each, in: "query", schema: text })) };
}

function headers(names: readonly string[]): Pick<Operation, "parameters"> {
  return { parameters: names.map((each) => ({ name: each, in: "header", schema: text })) };
}

const lockInfo = object(
  {
    ID: { ...text, minLength: 1 },
    Operation: text,
    Info: text,
    Who: text,
    Version: text,
    Created: text,
    Path: text,
  },
  ["ID"],
);

const artifactVersion = object(
  {
    id: text,
    file: { type: "boolean" },
    metadata: { type: "object", patternProperties: { "^.*$": text } },
    build_id: { type: "integer", minimum: 0, maximum: 1000 },
    compile_id: { type: "integer", minimum: 0, maximum: 1000 },
  },
  [],
);

const artifact = "/api/v1/artifacts/:namespace/:name";
const state = "/api/v2/environments/:namespace/:name/state";

/** The routes that the OpenAPI document hides, and what their clients send. */
export const wireOperations: readonly Operation[] = [
  { method: "GET", url: "/" },
  { method: "GET", url: "/api/v1/authenticate" },
  {
    method: "POST",
    url: "/api/v1/authenticate",
    ...json(object({ user: object({ login: text, password: text }) })),
  },
  {
    method: "POST",
    url: "/api/v1/artifacts",
    ...json(object({ artifact: object({ username: name, name }) })),
  },
  { method: "GET", url: artifact },
  { method: "POST", url: `${artifact}/:type`, ...json(object({ artifact_version: artifactVersion })) },
  {
    method: "GET",
    url: `${artifact}/:type/search`,
    ...query(["version", "build", "metadata.0.key", "metadata.0.value", "metadata.1.key", "metadata.x.key"]),
  },
  { method: "GET", url: `${artifact}/:type/file`, ...headers(["range", "if-none-match"]) },
  { method: "GET", url: `${artifact}/:type/:version/file`, ...headers(["range", "if-none-match"]) },
  { method: "PUT", url: "/api/v1/uploads/:secret", ...bytes() },
  { method: "LOCK", url: state, ...json(lockInfo) },
  { method: "UNLOCK", url: state, ...json(lockInfo) },
];

const stateBody = object(
  {
    version: { type: "integer", minimum: 4, maximum: 4 },
    serial: { type: "integer", minimum: 0, maximum: 1_000_000 },
    lineage: text,
    outputs: object({}),
  },
  ["serial", "lineage"],
);

/** Bodies that the document describes as bytes or any object, by operationId. */
export const bodiesInDetail: Readonly<Record<string, Pick<Operation, "requestBody">>> = {
  writeState: json(stateBody),
  uploadConfiguration: bytes(),
};

function bytes(): Pick<Operation, "requestBody"> {
  return { requestBody: { required: true, content: { "application/octet-stream": {} } } };
}

/** Routes that are neither described nor fuzzed, each with the reason. */
export const unfuzzedRoutes: readonly { url: RegExp; reason: string }[] = [
  { url: /^\/docs(\/|\*|$)/, reason: "the pages of @fastify/swagger-ui: static files, nothing of ours" },
  { url: /^\/openapi\.json$/, reason: "a constant" },
];
