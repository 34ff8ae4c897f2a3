import { create } from "@bufbuild/protobuf";
import type { Transaction } from "kysely";
import { ConflictError } from "#core/errors.ts";
import { uuidv7 } from "#core/id.ts";
import type { Log } from "#core/log.ts";
import { decodeData, type CloudEvent } from "#proto/cloud-event.ts";
import { CauseSchema } from "#proto/gen/ingot/events/v1/cause_pb.js";
import type { RunnerTables } from "../database.ts";
import {
  EnvironmentNotFoundError,
  formatEnvironment,
  type EnvironmentRecord,
} from "../environment/environment.ts";
import { getEnvironment, lockEnvironment } from "../environment/store.ts";
import { writeCause } from "./announce.ts";
import { dispatchNext, supersedeOlder, type PhaseSender } from "./queue.ts";
import type { RunRecord } from "./run.ts";
import { findRunByIdempotencyKey, insertRun } from "./store.ts";

export class NoConfigurationError extends ConflictError {
  constructor(environment: EnvironmentRecord) {
    super(
      `Cannot start a run in "${formatEnvironment(environment)}": it has no configuration version yet; upload one with ingot env config push`,
    );
  }
}

export interface AskedRun {
  environment: EnvironmentRecord;
  by: string;
  message: string;
  destroy: boolean;
  idempotencyKey?: string | undefined;
}

/** Somebody asks for a run. */
export async function askRun(
  trx: Transaction<RunnerTables>,
  boss: PhaseSender,
  { environment, by, message, destroy, idempotencyKey }: AskedRun,
): Promise<RunRecord> {
  const { configuration } = await lockEnvironment(trx, environment.id);
  if (idempotencyKey !== undefined) {
    const known = await findRunByIdempotencyKey(trx, environment.id, idempotencyKey);
    if (known) return known;
  }
  if (configuration === 0) throw new NoConfigurationError(environment);
  const cause = writeCause(create(CauseSchema, { kind: { case: "user", value: { name: by, message } } }));
  const run = await insertRun(trx, environment.id, {
    id: uuidv7(),
    cause,
    destroy,
    message,
    createdBy: by,
    idempotencyKey,
  });
  await dispatchNext(trx, boss, environment.id);
  return run;
}

/** The trigger asks for a run. An environment that is gone, or has no configuration yet, has nothing to plan. */
export async function takeRequest(
  trx: Transaction<RunnerTables>,
  { boss, log }: { boss: PhaseSender; log: Log },
  event: CloudEvent,
): Promise<RunRecord | undefined> {
  const { environment: name, cause } = decodeData("run.requested", event);
  const environment = await findEnvironment(trx, name);
  const { configuration = 0 } = environment ? await lockEnvironment(trx, environment.id) : {};
  if (!environment || configuration === 0 || !cause) {
    log.warn({ event: event.id, environment: name }, "run requested, but the environment cannot plan");
    return undefined;
  }
  const { kind } = cause;
  const version = kind.case === "version" ? kind.value : undefined;
  const message = version ? `${version.artifact}:${version.version} was published` : "";
  const run = await insertRun(trx, environment.id, {
    id: uuidv7(),
    cause: writeCause(cause),
    destroy: false,
    message,
    createdBy: version?.publishedBy ?? "trigger",
  });
  await supersedeOlder(trx, run);
  await dispatchNext(trx, boss, environment.id);
  return run;
}

async function findEnvironment(
  trx: Transaction<RunnerTables>,
  name: string,
): Promise<EnvironmentRecord | undefined> {
  const [namespace = "", rest = ""] = name.split("/");
  try {
    return await getEnvironment(trx, { namespace, name: rest });
  } catch (error) {
    if (error instanceof EnvironmentNotFoundError) return undefined;
    throw error;
  }
}
