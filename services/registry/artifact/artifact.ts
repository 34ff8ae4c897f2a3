import { Type } from "typebox";
import { InvalidError, NotFoundError } from "#core/errors.ts";
import { nullable, Timestamp } from "#core/http/schemas.ts";

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

export const typePattern = "^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$";
const typePatternCompiled = new RegExp(typePattern);

export const ArtifactType = Type.String({
  pattern: typePattern,
  description: "Artifact type such as amazon.image; amazon.ami and aws.ami are aliases of it",
});

const aliases = new Map([
  ["amazon.ami", "amazon.image"],
  ["aws.ami", "amazon.image"],
]);

export function canonicalType(type: string): string {
  if (!typePatternCompiled.test(type)) {
    throw new InvalidError(
      `Cannot use "${type}" as artifact type: expected 1 to 100 letters, digits, ".", "_", "+" or "-", beginning with a letter or digit`,
    );
  }
  return aliases.get(type) ?? type;
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
