/** What names of namespaces, artifacts, environments and channels look like, as a regular expression without anchors. */
export const namePattern = "[A-Za-z0-9][A-Za-z0-9._-]{0,49}";

/** What an artifact type looks like: `amazon.image`. */
export const artifactTypePattern = "[A-Za-z0-9][A-Za-z0-9._+-]{0,99}";

const aliases = new Map([
  ["amazon.ami", "amazon.image"],
  ["aws.ami", "amazon.image"],
]);

/** The type under which builds are stored, announced and followed. */
export function canonicalType(type: string): string {
  return aliases.get(type) ?? type;
}

/** Version numbers are positive int4. */
export const maxVersionNumber = 2_147_483_647;

/** What a consumer asks for: `acmeinc/web:latest`, `acmeinc/web:production`, `acmeinc/web:7`. */
export interface Reference {
  namespace: string;
  name: string;
  version: "latest" | number | { channel: string };
}

const referencePattern = new RegExp(`^(${namePattern})/(${namePattern}):(${namePattern})$`);

/** Undefined for a text that is no reference. */
export function readReference(text: string): Reference | undefined {
  const match = referencePattern.exec(text);
  if (!match) return undefined;
  const [, namespace = "", name = "", tag = ""] = match;
  const version = readVersion(tag);
  return version === undefined ? undefined : { namespace, name, version };
}

function readVersion(tag: string): Reference["version"] | undefined {
  if (tag === "latest") return tag;
  if (!/^\d+$/.test(tag)) return { channel: tag };
  const number = Number(tag);
  return number >= 1 && number <= maxVersionNumber ? number : undefined;
}
