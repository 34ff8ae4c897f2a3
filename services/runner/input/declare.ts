import type { Transaction } from "kysely";
import { uuidv7 } from "#core/id.ts";
import { appendOutbox } from "#core/outbox/outbox.ts";
import { encodeData } from "#proto/cloud-event.ts";
import type { RunnerTables } from "../database.ts";
import { formatEnvironment, type EnvironmentRecord } from "../environment/environment.ts";
import { parseReference } from "./input.ts";
import { listInputs } from "./store.ts";

/** Announces what the inputs of the environment are now, in the transaction that changed them. */
export async function declareInputs(
  trx: Transaction<RunnerTables>,
  environment: EnvironmentRecord,
): Promise<void> {
  const inputs = await listInputs(trx, environment.id);
  const references = inputs.map(({ variable, reference, type, region }) => {
    const { artifact, version } = parseReference(variable, reference);
    return { artifact, version, type, region, from: variable };
  });
  const subject = formatEnvironment(environment);
  const type = "environment.inputs.declared";
  const data = encodeData(type, { environment: subject, references });
  await appendOutbox(trx, [{ id: uuidv7(), type, subject, data }]);
}
