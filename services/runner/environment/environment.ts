import { Type } from "typebox";
import { ConflictError, NotFoundError } from "#core/errors.ts";
import { nullable, Timestamp } from "#core/http/schemas.ts";
import { namePattern } from "#proto/names.ts";

/** Which environment: `acmeinc/prod`. */
export interface EnvironmentRef {
  namespace: string;
  name: string;
}

export interface EnvironmentRecord extends EnvironmentRef {
  id: number;
  description: string;
  autoApply: boolean;
  /** Newest configuration version; 0 before the first. */
  configuration: number;
  heldByRun: string | null;
  heldReason: string | null;
  createdAt: Date;
}

export function formatEnvironment({ namespace, name }: EnvironmentRef): string {
  return `${namespace}/${name}`;
}

export class EnvironmentNotFoundError extends NotFoundError {
  constructor(environment: EnvironmentRef, action: string) {
    super(`Cannot ${action} "${formatEnvironment(environment)}": no such environment`);
  }
}

export class EnvironmentExistsError extends ConflictError {
  constructor(environment: EnvironmentRef) {
    super(`Cannot create the environment "${formatEnvironment(environment)}": it exists already`);
  }
}

export const Name = Type.String({
  pattern: `^${namePattern}$`,
  description: "Letters, digits, '.', '_', '-'; at most 50",
});

export const environmentParams = Type.Object({ namespace: Name, name: Name });

export const Environment = Type.Object(
  {
    namespace: Type.String(),
    name: Type.String(),
    description: Type.String(),
    autoApply: Type.Boolean({
      description: "Whether a plan with changes is applied without an operator's word",
    }),
    configuration: nullable(Type.Integer({ description: "Newest configuration version" })),
    held: nullable(
      Type.Object(
        { run: Type.String({ format: "uuid" }), reason: Type.String() },
        { description: "No run starts until an operator has looked and released the environment" },
      ),
    ),
    createdAt: Timestamp,
  },
  { $id: "Environment", description: "A Terraform configuration with variables, state and runs" },
);

export function toEnvironmentReply(environment: EnvironmentRecord) {
  const { namespace, name, description, autoApply, configuration, heldByRun, heldReason, createdAt } =
    environment;
  return {
    namespace,
    name,
    description,
    autoApply,
    configuration: configuration === 0 ? null : configuration,
    held: heldByRun === null ? null : { run: heldByRun, reason: heldReason ?? "" },
    createdAt: createdAt.toISOString(),
  };
}
