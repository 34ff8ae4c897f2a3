import { ForbiddenError, NotFoundError, UnauthorizedError } from "./errors.ts";

/** Each role includes those before it. */
export const roles = ["read", "publish", "operate", "admin"] as const;
export type Role = (typeof roles)[number];

/** What a credential may do in one namespace; `*` stands for every namespace. */
export interface Grant {
  readonly namespace: string;
  readonly role: Role;
}

/** Who is calling, as far as the service that checks the call needs to know. */
export interface Principal {
  /** Stable id of the credential, never the credential itself. */
  readonly id: string;
  /** What people call it: shown as the author of what it does. */
  readonly name: string;
  readonly grants: readonly Grant[];
  /** Set for a credential that is good for one piece of work: which, and of what. */
  readonly work?: { readonly id: string; readonly of: string };
}

export interface Authenticator {
  /** The principal of a live credential; undefined when it is unknown, expired or revoked. */
  authenticate(token: string): Promise<Principal | undefined>;
}

export function allows(principal: Principal | undefined, namespace: string, role: Role): boolean {
  const needed = roles.indexOf(role);
  return (
    principal?.grants.some(
      (grant) =>
        (grant.namespace === "*" || grant.namespace === namespace) && roles.indexOf(grant.role) >= needed,
    ) ?? false
  );
}

/** Namespaces whose things the principal may see; `*` for all. */
export function visibleNamespaces(principal: Principal): "*" | string[] {
  const names = principal.grants.map((grant) => grant.namespace);
  return names.includes("*") ? "*" : [...new Set(names)];
}

export interface Attempt {
  namespace: string;
  role: Role;
  /** What is attempted, as the error says it: `publish "acmeinc/web"`. */
  action: string;
  /** What is hidden from those who may not see the namespace: `artifact "acmeinc/web"`. */
  thing: string;
}

/**
 * Throws unless the principal holds the role: UnauthorizedError without a principal, NotFoundError where it
 * may not even read, ForbiddenError where it may read but not more. Nobody has to see the namespace `*`.
 */
export function authorize(
  principal: Principal | undefined,
  { namespace, role, action, thing }: Attempt,
): asserts principal {
  if (!principal) throw new UnauthorizedError(`Cannot ${action}: no valid token given`);
  if (allows(principal, namespace, role)) return;
  const hidden = namespace !== "*" && !allows(principal, namespace, "read");
  if (hidden) throw new NotFoundError(`Cannot ${action}: no ${thing}`);
  throw new ForbiddenError(
    `Cannot ${action}: token "${principal.name}" lacks the role "${role}" in ${namespace === "*" ? "every namespace" : `namespace "${namespace}"`}`,
  );
}
