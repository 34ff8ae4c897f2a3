import { createHash } from "node:crypto";
import type { Buffer } from "node:buffer";
import { Type } from "typebox";
import { ConflictError, InvalidError, LockedError, NotFoundError } from "#core/errors.ts";
import { nullable, Timestamp } from "#core/http/schemas.ts";

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
  constructor(environment: string, number: number) {
    super(`Cannot read state version ${number} of "${environment}": no such version`);
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
  return { serial: serial as number, lineage };
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
