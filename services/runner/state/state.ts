import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { Type } from "typebox";
import { ConflictError, InvalidError, LockedError, NotFoundError } from "#core/errors.ts";
import { nullable, ref, Timestamp } from "#core/http/schemas.ts";

/** Terraform's description of who holds the lock, as the holder sent it. */
export interface LockInfo {
  ID: string;
  Operation?: string;
  Who?: string;
  Created?: string;
  [member: string]: unknown;
}

export interface StateVersionRecord {
  /** Counts the stored bodies of the environment from 1. */
  number: number;
  serial: number;
  lineage: string;
  md5: Buffer;
  sizeBytes: number;
  runId: string | null;
  createdBy: string;
  createdAt: Date;
}

export class StateLockedError extends LockedError {
  readonly holder: LockInfo;
  constructor(environment: string, holder: LockInfo) {
    super(
      `Cannot use the state of "${environment}": it is locked by ${holder.Who ?? "somebody"} for ${holder.Operation ?? "an operation"} since ${holder.Created ?? "a time unknown"} (lock ${holder.ID})`,
    );
    this.holder = holder;
  }
}

export class StateInvalidError extends InvalidError {
  constructor(environment: string, rule: string) {
    super(`Cannot store the state of "${environment}": ${rule}`);
  }
}

export class StateConflictError extends ConflictError {
  constructor(environment: string, rule: string) {
    super(`Cannot store the state of "${environment}": ${rule}`);
  }
}

export class StateNotFoundError extends NotFoundError {
  constructor(environment: string, number: number, action = "read") {
    super(`Cannot ${action} state version ${number} of "${environment}": no such version`);
  }
}

export interface StateHead {
  serial: number;
  lineage: string;
}

/** The serial and lineage that Terraform wrote into the body. */
export function readStateHead(environment: string, body: Buffer): StateHead {
  const state = parseJson(environment, body);
  const { serial, lineage } = state as { serial?: unknown; lineage?: unknown };
  if (!Number.isSafeInteger(serial) || (serial as number) < 0 || typeof lineage !== "string") {
    throw new StateInvalidError(environment, "the body is no Terraform state with a serial and a lineage");
  }
  if (lineage.includes("\0") || !lineage.isWellFormed()) {
    throw new StateInvalidError(environment, "its lineage has a NUL character or half of a surrogate pair");
  }
  return { serial: serial as number, lineage };
}

/** `JSON.rawJSON` and the source of a number (https://github.com/tc39/proposal-json-parse-with-source), for numbers beyond 2^53. */
const json = JSON as unknown as {
  parse(text: string, revive: (key: string, value: unknown, context: { source?: string }) => unknown): object;
  rawJSON(text: string): unknown;
};

/** The same state under another serial; every number keeps its digits. */
export function withSerial(body: Buffer, serial: number): Buffer {
  const state = json.parse(body.toString(), (_key, value, { source }) =>
    typeof value === "number" && source !== undefined ? json.rawJSON(source) : value,
  );
  return Buffer.from(`${JSON.stringify({ ...state, serial }, null, 2)}\n`);
}

function parseJson(environment: string, body: Buffer): object {
  try {
    const value: unknown = JSON.parse(body.toString());
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Falls through to the error that names the rule.
  }
  throw new StateInvalidError(environment, "the body is no JSON object");
}

/** `same` when the very bytes are stored already, as after a retry. */
export function compareState(
  environment: string,
  {
    current,
    next,
    md5,
  }: { current: (StateHead & { md5: Buffer }) | undefined; next: StateHead; md5: Buffer },
): "newer" | "same" {
  if (!current) return "newer";
  if (current.serial === next.serial && current.md5.equals(md5)) return "same";
  if (current.lineage !== next.lineage) {
    throw new StateConflictError(
      environment,
      `its lineage is "${next.lineage}", the stored one has "${current.lineage}": it belongs to another state`,
    );
  }
  if (next.serial <= current.serial) {
    throw new StateConflictError(
      environment,
      `its serial is ${next.serial}, the stored one has ${current.serial} already`,
    );
  }
  return "newer";
}

export function md5Of(body: Buffer): Buffer {
  return createHash("md5").update(body).digest();
}

export const StateVersion = Type.Object(
  {
    number: Type.Integer(),
    serial: Type.Integer(),
    lineage: Type.String(),
    sizeBytes: Type.Integer(),
    run: nullable(Type.String({ format: "uuid", description: "The run that wrote it" })),
    createdBy: Type.String(),
    createdAt: Timestamp,
  },
  { $id: "StateVersion" },
);

export const TerraformState = Type.Unsafe<Buffer>({
  $id: "TerraformState",
  type: "object",
  additionalProperties: true,
  description: "As Terraform wrote it: version, serial, lineage, outputs, resources",
});

export const stateReply = {
  description: "The state",
  content: { "application/json": { schema: ref(TerraformState) } },
};

export function toStateReply({
  number,
  serial,
  lineage,
  sizeBytes,
  runId,
  createdBy,
  createdAt,
}: StateVersionRecord) {
  return { number, serial, lineage, sizeBytes, run: runId, createdBy, createdAt: createdAt.toISOString() };
}
