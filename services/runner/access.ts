import { authorize, type Principal, type Role } from "#core/access.ts";
import { formatEnvironment, type EnvironmentRef } from "./environment/environment.ts";

/** Throws unless the caller holds the role in the environment's namespace. `action` reads as in `confirm run 3 of`. */
export function authorizeEnvironment(
  principal: Principal | undefined,
  { environment, role, action }: { environment: EnvironmentRef; role: Role; action: string },
): asserts principal {
  authorize(principal, {
    namespace: environment.namespace,
    role,
    action: `${action} "${formatEnvironment(environment)}"`,
    thing: "such environment",
  });
}
