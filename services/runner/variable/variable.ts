import { Buffer } from "node:buffer";
import { Type } from "typebox";
import { NotFoundError } from "#core/errors.ts";
import { nullable, ref, Timestamp, wordList } from "#core/http/schemas.ts";
import type { SecretBox } from "#core/secret-box.ts";

export const categories = ["terraform", "env"] as const;
export type Category = (typeof categories)[number];

export interface VariableRecord {
  category: Category;
  key: string;
  /** Sealed. */
  value: Buffer;
  sensitive: boolean;
  hcl: boolean;
  updatedBy: string;
  updatedAt: Date;
}

/** A variable of a run, in clear: it never leaves the runner. */
export interface PlainVariable {
  category: Category;
  key: string;
  value: string;
  sensitive: boolean;
  hcl: boolean;
}

export class VariableNotFoundError extends NotFoundError {
  constructor(category: Category, key: string, environment: string) {
    super(`Cannot delete the ${category} variable "${key}" of "${environment}": no such variable`);
  }
}

export const VariableCategory = wordList(
  "VariableCategory",
  categories,
  "terraform: a variable of the configuration; env: an environment variable of the run",
);

export const Variable = Type.Object(
  {
    category: ref(VariableCategory),
    key: Type.String(),
    value: nullable(
      Type.String({ description: "Null for a sensitive variable: it can be written, not read" }),
    ),
    sensitive: Type.Boolean(),
    hcl: Type.Boolean({ description: "Whether the value is an HCL expression instead of a string" }),
    updatedBy: Type.String(),
    updatedAt: Timestamp,
  },
  { $id: "Variable" },
);

export function variableContext(
  environmentId: number,
  { category, key }: { category: Category; key: string },
): string {
  return `variable ${environmentId} ${category} ${key}`;
}

export function openVariable(
  box: SecretBox,
  environmentId: number,
  { category, key, value, sensitive, hcl }: VariableRecord,
): PlainVariable {
  const text = box.open(value, variableContext(environmentId, { category, key })).toString();
  return { category, key, value: text, sensitive, hcl };
}

export function sealVariable(box: SecretBox, environmentId: number, variable: PlainVariable): Buffer {
  return box.seal(Buffer.from(variable.value), variableContext(environmentId, variable));
}
