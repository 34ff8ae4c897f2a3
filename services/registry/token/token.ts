import { createHash, randomBytes } from "node:crypto";
import type { Buffer } from "node:buffer";
import { allows, roles, type Grant, type Principal, type Role } from "#core/access.ts";
import { ConflictError, ForbiddenError, InvalidError, NotFoundError } from "#core/errors.ts";
import { namePattern } from "#proto/names.ts";

export interface TokenRecord {
  id: string;
  name: string;
  grants: Grant[];
  createdBy: string;
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
}

/** A new credential: 256 random bits behind a prefix that scanners and our logs know. */
export function generateToken(): string {
  return `ingot_${randomBytes(32).toString("base64url")}`;
}

export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

export const scopePattern = `^(\\*|${namePattern}):(${roles.join("|")})$`;

/** `acmeinc:publish`, `*:admin`. */
export function parseScope(scope: string): Grant {
  const match = new RegExp(scopePattern).exec(scope);
  if (!match) {
    throw new InvalidError(
      `Cannot use the scope "${scope}": expected NAMESPACE:ROLE with a role of ${roles.join(", ")}`,
    );
  }
  return { namespace: match[1] ?? "", role: match[2] as Role };
}

export function formatScope({ namespace, role }: Grant): string {
  return `${namespace}:${role}`;
}

export class TokenNotFoundError extends NotFoundError {
  constructor(id: string) {
    super(`Cannot revoke the token "${id}": no such token`);
  }
}

export class LastAdminTokenError extends ConflictError {
  constructor({ name }: Pick<TokenRecord, "name">) {
    super(
      `Cannot revoke the token "${name}": it is the last without an end that may administer every namespace; create another first`,
    );
  }
}

/** Whether the token may administer every namespace, now and without an end. */
export function isLastingSiteAdmin({ grants, expiresAt, revokedAt }: TokenRecord): boolean {
  const administersAll = grants.some(({ namespace, role }) => namespace === "*" && role === "admin");
  return administersAll && expiresAt === null && revokedAt === null;
}

/** Whether the principal may create and revoke a token of these grants: it is admin of every one of them. */
export function administers(principal: Principal, grants: readonly Grant[]): boolean {
  return grants.every((grant) => allows(principal, grant.namespace, "admin"));
}

export function assertAdministers(principal: Principal, grants: readonly Grant[]): void {
  const foreign = grants.find((grant) => !allows(principal, grant.namespace, "admin"));
  if (!foreign) return;
  throw new ForbiddenError(
    `Cannot create a token for "${formatScope(foreign)}": token "${principal.name}" lacks the role "admin" there`,
  );
}
