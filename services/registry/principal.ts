import type { Principal } from "#core/access.ts";
import { UnauthorizedError } from "#core/errors.ts";

/** For what any valid token may do. */
export function requirePrincipal(request: { principal: Principal | undefined }, action: string): Principal {
  if (!request.principal) throw new UnauthorizedError(`Cannot ${action}: no valid token given`);
  return request.principal;
}
