import { afterAll, describe, expect, test } from "vitest";
import { documentOf, operationsOf, type Operation, type Schema } from "../support/openapi.ts";
import { startTestSystem } from "../support/system.ts";

const resources = new AsyncDisposableStack();
afterAll(() => resources.disposeAsync());
const system = resources.use(await startTestSystem());
const document = documentOf(system.app);
const operations = operationsOf(document);

test("the document is OpenAPI 3.1 and is what is served", async () => {
  const { status, body } = await system.call("GET", "/openapi.json", { token: null });

  expect({ status, body }).toEqual({ status: 200, body: JSON.parse(JSON.stringify(document)) as unknown });
  expect(document).toMatchObject({
    openapi: expect.stringMatching(/^3\.1\.\d+$/) as string,
    info: { title: "Ingot", version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string },
    components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
    security: [{ bearer: [] }],
  });
});

test("the browsable page answers", async () => {
  const page = await fetch(`${system.url}/docs`);

  expect(page.status).toBe(200);
  expect(page.headers.get("content-type")).toMatch(/^text\/html/);
});

test("operation ids are unique", () => {
  const ids = operations.map(({ operationId }) => operationId);

  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
});

test("every reference leads to a schema, and every schema is referred to", () => {
  const targets = new Set(referencesIn(document));
  const schemas = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);

  expect([...targets].filter((target) => !schemas.includes(target))).toEqual([]);
  expect(schemas.filter((schema) => !targets.has(schema))).toEqual([]);
});

test("every tag is described, and used", () => {
  const used = new Set(operations.flatMap(({ tags = [] }) => tags));

  expect([...used].toSorted()).toEqual(document.tags.map(({ name }) => name).toSorted());
});

test("lists, requests and replies are made of named objects", () => {
  const unnamed = Object.entries(document.components.schemas).flatMap(([name, schema]) =>
    Object.entries(schema.properties ?? {})
      .filter(([, property]) => isObject(property.items))
      .map(([property]) => `${name}.${property}`),
  );

  expect(unnamed).toEqual([]);
});

describe("operations", () => {
  test.each(operations.map((operation) => [operation.operationId ?? operation.url, operation] as const))(
    "%s",
    (_name, operation) => {
      expect(faultsOf(operation)).toEqual([]);
    },
  );
});

/** Operations that change something by their address alone. */
const withoutBody = new Set(["confirmRun", "discardRun", "cancelRun", "forceCancelRun", "rollBackState"]);

function faultsOf(operation: Operation): string[] {
  const { operationId = "", summary = "", tags = [], method, url, parameters = [], requestBody } = operation;
  const named = parameters.filter((one) => one.in === "path").map(({ name }) => name);
  const inUrl = [...url.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
  const takesBody = ["POST", "PUT", "PATCH"].includes(method) && !withoutBody.has(operationId);
  const checks: [boolean, string][] = [
    [/^[a-z]+[A-Z]\w+$/.test(operationId), "its operationId is no verb and noun"],
    [/^[A-Z].*[^.]$/.test(summary), "its summary is no line without a full stop"],
    [tags.length === 1, "it has not exactly one tag"],
    [named.toSorted().join() === inUrl.toSorted().join(), "its path parameters are not those of its address"],
    [parameters.every((one) => one.in !== "path" || one.required === true), "a path parameter is optional"],
    [takesBody === (requestBody !== undefined), "its body is not described, or one that it does not take is"],
    ...contentsOf(operation).map(([where, schema]): [boolean, string] => [
      !isObject(schema),
      `${where} is an object without a name`,
    ]),
  ];
  return [...checks.filter(([holds]) => !holds).map(([, fault]) => fault), ...faultsOfResponses(operation)];
}

function contentsOf({ requestBody, responses = {} }: Operation): [string, Schema | undefined][] {
  const bodies = [["the request", requestBody] as const, ...Object.entries(responses)];
  return bodies.flatMap(([where, body]) =>
    Object.values(body?.content ?? {}).map(({ schema }): [string, Schema | undefined] => [where, schema]),
  );
}

function faultsOfResponses({ responses = {}, security = document.security, url }: Operation): string[] {
  const statuses = Object.keys(responses);
  const problems = Object.entries(responses).filter(([status]) => Number(status) >= 400 && url !== "/readyz");
  const checks: [boolean, string][] = [
    [statuses.some((status) => status.startsWith("2")), "it declares no success"],
    [Object.values(responses).every(({ description }) => description), "a response has no description"],
    [security.length === 0 || statuses.includes("401"), "it needs a token and declares no 401"],
    ...problems.map(([status, { content }]): [boolean, string] => [
      content?.["application/problem+json"]?.schema?.$ref === "#/components/schemas/Problem",
      `${status} is no Problem`,
    ]),
  ];
  return checks.filter(([holds]) => !holds).map(([, fault]) => fault);
}

function isObject(schema: Schema | undefined): boolean {
  return schema?.type === "object" || (schema?.items !== undefined && isObject(schema.items));
}

function referencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([member, inner]) =>
    member === "$ref" ? [String(inner)] : referencesIn(inner),
  );
}
