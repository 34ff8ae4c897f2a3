import { Type } from "typebox";
import { ConflictError, InvalidError } from "#core/errors.ts";
import { Timestamp } from "#core/http/schemas.ts";
import { namePattern } from "#proto/names.ts";

const anchoredName = `^${namePattern}$`;
const nameRule = new RegExp(anchoredName);

export const Name = Type.String({
  pattern: anchoredName,
  description: "Letters, digits, '.', '_', '-'; at most 50",
});

export const Namespace = Type.Object(
  { name: Type.String(), createdAt: Timestamp },
  { $id: "Namespace", description: "Owner of artifacts and environments" },
);

export interface NamespaceRecord {
  name: string;
  createdAt: Date;
}

export class NameInvalidError extends InvalidError {
  constructor(kind: string, name: string) {
    super(
      `Cannot use "${name}" as ${kind} name: expected 1 to 50 letters, digits, ".", "_" or "-", beginning with a letter or digit`,
    );
  }
}

export class NamespaceExistsError extends ConflictError {
  constructor(name: string) {
    super(`Cannot create the namespace "${name}": it exists already`);
  }
}

export function assertName(kind: "namespace" | "artifact", name: string): void {
  if (!nameRule.test(name)) throw new NameInvalidError(kind, name);
}
