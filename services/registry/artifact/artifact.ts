import { Type } from "typebox";
import { InvalidError, NotFoundError } from "#core/errors.ts";
import { nullable, Timestamp } from "#core/http/schemas.ts";
import { artifactTypePattern, canonicalType } from "#proto/names.ts";

export interface ArtifactRecord {
  id: number;
  namespace: string;
  name: string;
  description: string;
  lastNumber: number;
  createdAt: Date;
}

/** Which artifact: `acmeinc/web`. */
export interface ArtifactRef {
  namespace: string;
  name: string;
}

export function formatArtifact({ namespace, name }: ArtifactRef): string {
  return `${namespace}/${name}`;
}

export class ArtifactNotFoundError extends NotFoundError {
  constructor(artifact: ArtifactRef, action = "read") {
    super(`Cannot ${action} "${formatArtifact(artifact)}": no such artifact`);
  }
}

export const ArtifactType = Type.String({
  pattern: `^${artifactTypePattern}$`,
  description: "Artifact type such as amazon.image; amazon.ami and aws.ami are aliases of it",
});

const artifactType = new RegExp(`^${artifactTypePattern}$`);

/** The canonical type that a caller means. */
export function parseType(type: string): string {
  if (artifactType.test(type)) return canonicalType(type);
  throw new InvalidError(
    `Cannot use "${type}" as artifact type: expected 1 to 100 letters, digits, ".", "_", "+" or "-", beginning with a letter or digit`,
  );
}

export const Artifact = Type.Object(
  {
    namespace: Type.String(),
    name: Type.String(),
    description: Type.String(),
    latest: nullable(Type.Integer({ description: "Newest visible version of any type" })),
    createdAt: Timestamp,
  },
  { $id: "Artifact", description: "A name under which versions are published" },
);
