import { Type } from "typebox";
import { InvalidError, NotFoundError } from "#core/errors.ts";
import { nullable, Timestamp } from "#core/http/schemas.ts";

/** A Terraform variable bound to a reference. */
export interface InputRecord {
  variable: string;
  /** `acmeinc/web:latest` */
  reference: string;
  /** Artifact type; empty for any. */
  type: string;
  /** Empty for any. */
  region: string;
  updatedBy: string;
  updatedAt: Date;
}

/** What an input was resolved to when the plan started: frozen into the run. */
export interface ResolvedInput {
  variable: string;
  reference: string;
  /** Of the build that was found, whatever the input left open. */
  type: string;
  /** Of the image; empty for one that is in no region. */
  region: string;
  /** `acmeinc/web` */
  artifact: string;
  version: number;
  /** The image: `ami-3a0a1d52`. */
  id: string;
  /** What the last applied run of the environment had here; null for the first. */
  previous: { version: number; id: string } | null;
}

export class InputNotFoundError extends NotFoundError {
  constructor(variable: string, environment: string) {
    super(`Cannot delete the input "${variable}" of "${environment}": no such input`);
  }
}

export class ReferenceInvalidError extends InvalidError {
  constructor(variable: string, reference: string) {
    super(
      `Cannot bind "${variable}" to "${reference}": expected NAMESPACE/NAME:VERSION with a version of latest, a channel or a number`,
    );
  }
}

export interface ParsedReference {
  namespace: string;
  artifact: string;
  version: string;
}

const namePattern = "[A-Za-z0-9][A-Za-z0-9._-]{0,49}";
const maxVersion = 2_147_483_647;
const referencePattern = new RegExp(`^(${namePattern})/(${namePattern}):(${namePattern})$`);

export function parseReference(variable: string, reference: string): ParsedReference {
  const match = referencePattern.exec(reference);
  if (!match) throw new ReferenceInvalidError(variable, reference);
  const [, namespace = "", name = "", version = ""] = match;
  if (/^\d+$/.test(version) && !(Number(version) >= 1 && Number(version) <= maxVersion)) {
    throw new ReferenceInvalidError(variable, reference);
  }
  return { namespace, artifact: `${namespace}/${name}`, version };
}

export const variableName = Type.String({
  pattern: "^[A-Za-z_][A-Za-z0-9_-]{0,99}$",
  description: "Name of a Terraform variable",
});

export const Input = Type.Object(
  {
    variable: Type.String(),
    reference: Type.String({ description: "acmeinc/web:latest" }),
    type: nullable(Type.String({ description: "Artifact type" })),
    region: nullable(Type.String()),
    updatedBy: Type.String(),
    updatedAt: Timestamp,
  },
  {
    $id: "Input",
    description: "A Terraform variable bound to a reference; every new version there causes a run",
  },
);

export function toInputReply({ variable, reference, type, region, updatedBy, updatedAt }: InputRecord) {
  return {
    variable,
    reference,
    type: type === "" ? null : type,
    region: region === "" ? null : region,
    updatedBy,
    updatedAt: updatedAt.toISOString(),
  };
}
