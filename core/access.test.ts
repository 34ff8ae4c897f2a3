import { expect, test } from "vitest";
import { authorize, roles, visibleNamespaces, type Principal, type Role } from "./access.ts";
import { ForbiddenError, NotFoundError, UnauthorizedError } from "./errors.ts";

function principal(...scopes: string[]): Principal {
  const grants = scopes.map((scope) => {
    const [namespace = "", role = ""] = scope.split(":");
    return { namespace, role: role as Role };
  });
  return { id: "1", name: "ci", grants };
}

function outcome(scopes: string[] | null, role: Role): string {
  try {
    const caller = scopes === null ? undefined : principal(...scopes);
    authorize(caller, { namespace: "acmeinc", role, action: 'do "it"', thing: 'artifact "acmeinc/web"' });
    return "may";
  } catch (error) {
    if (error instanceof UnauthorizedError) return "who";
    if (error instanceof NotFoundError) return "nothing there";
    if (error instanceof ForbiddenError) return "may not";
    throw error;
  }
}

test.each([
  [null, ["who", "who", "who", "who"]],
  [[], ["nothing there", "nothing there", "nothing there", "nothing there"]],
  [["other:admin"], ["nothing there", "nothing there", "nothing there", "nothing there"]],
  [["acme:admin"], ["nothing there", "nothing there", "nothing there", "nothing there"]],
  [["acmeinc:wizard"], ["nothing there", "nothing there", "nothing there", "nothing there"]],
  [["acmeinc:read"], ["may", "may not", "may not", "may not"]],
  [["acmeinc:publish"], ["may", "may", "may not", "may not"]],
  [["acmeinc:operate"], ["may", "may", "may", "may not"]],
  [["acmeinc:admin"], ["may", "may", "may", "may"]],
  [["*:read"], ["may", "may not", "may not", "may not"]],
  [["*:admin"], ["may", "may", "may", "may"]],
  [
    ["*:read", "acmeinc:operate"],
    ["may", "may", "may", "may not"],
  ],
  [
    ["other:admin", "acmeinc:read"],
    ["may", "may not", "may not", "may not"],
  ],
])("the grants %j give read, publish, operate, admin: %j", (scopes, expected) => {
  expect(roles.map((role) => outcome(scopes, role))).toEqual(expected);
});

test("a refusal says what was attempted and what is missing", () => {
  const attempt = {
    namespace: "acmeinc",
    role: "publish",
    action: 'publish "acmeinc/web"',
    thing: "it",
  } as const;

  expect(() => authorize(principal("acmeinc:read"), attempt)).toThrow(
    'Cannot publish "acmeinc/web": token "ci" lacks the role "publish" in namespace "acmeinc"',
  );
  expect(() => authorize(undefined, attempt)).toThrow('Cannot publish "acmeinc/web": no valid token given');
});

test("a principal sees the namespaces of its grants, each once, or all", () => {
  expect(visibleNamespaces(principal("a:read", "b:admin", "a:publish"))).toEqual(["a", "b"]);
  expect(visibleNamespaces(principal("a:read", "*:read"))).toBe("*");
  expect(visibleNamespaces(principal())).toEqual([]);
});

test("what needs a role in every namespace is forbidden without it, since there is nothing to hide", () => {
  const attempt = { namespace: "*", role: "admin", action: "create it", thing: "it" } as const;

  expect(() => authorize(principal("acmeinc:admin"), attempt)).toThrow(
    'Cannot create it: token "ci" lacks the role "admin" in every namespace',
  );
  expect(() => authorize(principal("*:admin"), attempt)).not.toThrow();
});
