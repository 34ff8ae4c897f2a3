import { expect, test } from "vitest";
import {
  ConflictError,
  DomainError,
  ForbiddenError,
  InvalidError,
  LockedError,
  NotFoundError,
  TooLargeError,
  UnauthorizedError,
  UnavailableError,
} from "../errors.ts";
import { describeFailure, renderErrorList, renderProblem, renderRpcStatus } from "./render.ts";

class NewKindError extends DomainError {}

test.each([
  [InvalidError, 422, 3],
  [UnauthorizedError, 401, 16],
  [ForbiddenError, 403, 7],
  [NotFoundError, 404, 5],
  [ConflictError, 409, 6],
  [LockedError, 423, 9],
  [TooLargeError, 413, 11],
  [UnavailableError, 503, 14],
  [NewKindError, 500, 13],
])("%o is status %i and code %i", (Family, status, code) => {
  const failure = describeFailure(new Family("Cannot do it: no"), "r1");

  expect([renderProblem(failure).status, renderErrorList(failure).status]).toEqual([status, status]);
  expect(renderRpcStatus(failure)).toMatchObject({
    status,
    body: { code, message: "Cannot do it: no", details: [] },
  });
});

test("a problem has its details, which cannot replace its own members", () => {
  const error = new ConflictError("Cannot resolve it: two are there", {
    details: { choices: [1, 2], status: 200 },
  });

  expect(renderProblem(describeFailure(error, "r1"))).toEqual({
    status: 409,
    contentType: "application/problem+json",
    body: {
      type: "about:blank",
      title: "Conflict",
      status: 409,
      detail: "Cannot resolve it: two are there",
      requestId: "r1",
      choices: [1, 2],
    },
  });
});

test("an error list is what clients of Atlas decode", () => {
  expect(renderErrorList(describeFailure(new InvalidError("Cannot do it: no"), "r1")).body).toEqual({
    success: false,
    errors: ["Cannot do it: no"],
  });
});

test.each([
  [new Error("password=hunter2")],
  ["a string"],
  [null],
  [undefined],
  [{ statusCode: 302, message: "x" }],
])("of what nobody foresaw (%o) only the request id leaves the process", (error) => {
  expect(describeFailure(error, "r1")).toEqual({
    status: 500,
    message: "Internal error: the log has more under request id r1",
    details: {},
    requestId: "r1",
    expected: false,
  });
});

test("a failed validation names the field and the rule", () => {
  const error = {
    message: "…",
    validationContext: "body",
    validation: [
      { instancePath: "/scopes/0", message: 'must match pattern "^a"' },
      {
        instancePath: "",
        message: "must NOT have additional properties",
        params: { additionalProperty: "x" },
      },
    ],
  };

  expect(describeFailure(error, "r1")).toMatchObject({
    status: 400,
    message:
      'Invalid body: body.scopes.0 must match pattern "^a"; body must NOT have additional properties ("x")',
  });
});

test("a status of the framework below 500 stays, and a code is found for it", () => {
  const failure = describeFailure({ statusCode: 415, message: "Unsupported Media Type" }, "r1");

  expect(failure).toMatchObject({ status: 415, message: "Unsupported Media Type", expected: true });
  expect(renderRpcStatus(failure).body).toMatchObject({ code: 3 });
});
