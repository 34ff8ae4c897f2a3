import { authorize, visibleNamespaces, type Principal, type Role } from "#core/access.ts";
import { ForbiddenError } from "#core/errors.ts";
import { formatEnvironment, type EnvironmentRef } from "./environment/environment.ts";

/**
 * Throws unless the caller holds the role in the environment's namespace. `action` reads as in `confirm run 3 of`. A
 * run's own token is good for its state and for the registry: what runs is written by others than may read this.
 */
export function authorizeEnvironment(
  principal: Principal | undefined,
  { environment, role, action }: { environment: EnvironmentRef; role: Role; action: string },
): asserts principal {
  const attempted = `${action} "${formatEnvironment(environment)}"`;
  const { namespace } = environment;
  authorize(principal, { namespace, role, action: attempted, thing: "such environment" });
  if (principal.work) throw new ForbiddenError(`Cannot ${attempted}: a run may not`);
}

/** Namespaces whose environments and runs the caller may list. */
export function visibleEnvironments(principal: Principal): "*" | string[] {
  return principal.work ? [] : visibleNamespaces(principal);
}
