import { Type } from "typebox";
import { InvalidError, NotFoundError } from "#core/errors.ts";
import { nullable, Timestamp } from "#core/http/schemas.ts";
import { readReference } from "#proto/names.ts";

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
  /** `acmeinc/web` */
  artifact: string;
  /** As it was written: `latest`, a channel or a number. */
  version: string;
}

export function parseReference(variable: string, text: string): ParsedReference {
  const reference = readReference(text);
  if (!reference) throw new ReferenceInvalidError(variable, text);
  const { namespace, name } = reference;
  const artifact = `${namespace}/${name}`;
  return { namespace, artifact, version: text.slice(artifact.length + 1) };
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
