import { fromJson, toJson } from "@bufbuild/protobuf";
import type { Transaction } from "kysely";
import { uuidv7 } from "#core/id.ts";
import type { JsonObject } from "#core/json.ts";
import { appendOutbox } from "#core/outbox/outbox.ts";
import { encodeData, type EventInit } from "#proto/cloud-event.ts";
import { CauseSchema, type Cause } from "#proto/gen/ingot/events/v1/cause_pb.js";
import type { RunnerTables } from "../database.ts";
import { environmentOf, type RunRecord } from "./run.ts";

export type RunEvent =
  | "run.planning"
  | "run.planned"
  | "run.confirmed"
  | "run.discarded"
  | "run.applying"
  | "run.applied"
  | "run.errored"
  | "run.canceled";

/** Announces what has become of the run, in the transaction that makes it so. */
export async function announceRun<Type extends RunEvent>(
  trx: Transaction<RunnerTables>,
  type: Type,
  { run, ...rest }: { run: RunRecord } & Omit<EventInit<Type>, "run" | "$typeName">,
): Promise<void> {
  const environment = environmentOf(run);
  const facts = {
    id: run.id,
    environment,
    number: run.number,
    cause: readCause(run.cause),
    destroy: run.destroy,
  };
  const data = encodeData(type, { run: facts, ...rest } as unknown as EventInit<Type>);
  await appendOutbox(trx, [{ id: uuidv7(), type, subject: environment, data }]);
}

export function readCause(cause: JsonObject): Cause {
  return fromJson(CauseSchema, cause, { ignoreUnknownFields: true });
}

export function writeCause(cause: Cause): JsonObject {
  return toJson(CauseSchema, cause) as JsonObject;
}
