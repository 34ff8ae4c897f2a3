import type { Authenticator, Grant } from "#core/access.ts";
import type { RunnerDatabase } from "../database.ts";
import { parseReference } from "../input/input.ts";
import { listInputs } from "../input/store.ts";
import { hashRunToken } from "./phase.ts";
import { environmentOf, type RunRecord } from "./run.ts";
import { findRunByToken } from "./store.ts";

export const runTokenPrefix = "ingot_run_";

/** A run may use its environment's state, and read its own namespace and those that its inputs refer to. */
export function createRunAuthenticator(database: RunnerDatabase): Authenticator {
  return {
    async authenticate(token) {
      if (!token.startsWith(runTokenPrefix)) return undefined;
      const run = await findRunByToken(database.kysely, hashRunToken(token));
      if (!run) return undefined;
      return {
        id: run.id,
        name: `run ${run.number} of ${environmentOf(run)}`,
        grants: await grantsOf(database, run),
        work: { id: run.id, of: environmentOf(run) },
      };
    },
  };
}

async function grantsOf(database: RunnerDatabase, run: RunRecord): Promise<Grant[]> {
  const inputs = await listInputs(database.kysely, run.environmentId);
  const namespaces = inputs.map(({ variable, reference }) => parseReference(variable, reference).namespace);
  return [...new Set([run.namespace, ...namespaces])].map((namespace) => ({ namespace, role: "read" }));
}
