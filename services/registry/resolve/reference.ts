import { InvalidError } from "#core/errors.ts";
import type { ArtifactRef } from "../artifact/artifact.ts";

/** What a consumer asks for: `acmeinc/web:latest`, `acmeinc/web:7`. */
export interface Reference extends ArtifactRef {
  version: "latest" | number | { channel: string };
}

export class ReferenceInvalidError extends InvalidError {
  constructor(reference: string) {
    super(
      `Cannot resolve "${reference}": expected NAMESPACE/NAME:VERSION with a version of latest, a channel or a number`,
    );
  }
}

export function parseReference(text: string): Reference {
  const match = /^([^/:]+)\/([^/:]+):([A-Za-z0-9][A-Za-z0-9._-]{0,49})$/.exec(text);
  if (!match) throw new ReferenceInvalidError(text);
  const [, namespace = "", name = "", version = ""] = match;
  return { namespace, name, version: parseVersion(text, version) };
}

function parseVersion(reference: string, version: string): Reference["version"] {
  if (version === "latest") return version;
  if (!/^\d+$/.test(version)) return { channel: version };
  const number = Number(version);
  if (number < 1 || number > 2_147_483_647) throw new ReferenceInvalidError(reference);
  return number;
}
