import { Buffer } from "node:buffer";
import { InvalidError } from "#core/errors.ts";

/**
 * What Atlas added to Amazon builds, in the order of the id: `ami_id` and `region`, comma-joined. Keys that the
 * publisher gave stay.
 */
export function deriveMetadata(
  type: string,
  { externalId, metadata }: { externalId: string; metadata: Readonly<Record<string, string>> },
): Record<string, string> {
  const pairs = type === "amazon.image" ? regionalIds(externalId) : undefined;
  if (!pairs) return { ...metadata };
  const derived = {
    ami_id: pairs.map(({ id }) => id).join(","),
    region: pairs.map(({ region }) => region).join(","),
  };
  return { ...derived, ...metadata };
}

export interface RegionalId {
  region: string;
  id: string;
}

/** Reads `us-east-1:ami-1,eu-west-1:ami-2`; undefined for an id of another shape. */
export function regionalIds(externalId: string): RegionalId[] | undefined {
  const pairs = externalId.split(",").map((part) => /^([a-z0-9-]+):([^:,]+)$/.exec(part.trim()));
  if (pairs.some((pair) => pair === null)) return undefined;
  return pairs.map((pair) => ({ region: pair?.[1] ?? "", id: pair?.[2] ?? "" }));
}

/** Bytes of the metadata as JSON: it travels in every event and every answer. */
export const metadataLimitBytes = 256 * 1024;

export class MetadataTooLargeError extends InvalidError {
  constructor(sizeBytes: number) {
    super(
      `Cannot publish with ${sizeBytes} bytes of metadata: at most ${metadataLimitBytes} are kept; put what is larger into the file`,
    );
  }
}

export function assertMetadataFits(metadata: Readonly<Record<string, string>>): void {
  const sizeBytes = Buffer.byteLength(JSON.stringify(metadata));
  if (sizeBytes > metadataLimitBytes) throw new MetadataTooLargeError(sizeBytes);
}

/** Checks that a wire object is string to string; `null` means none. */
export function readMetadata(value: unknown): Record<string, string> {
  if (value === null || value === undefined) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new InvalidError("Cannot read metadata: expected an object of strings");
  }
  const wrong = Object.entries(value).find(([, text]) => typeof text !== "string");
  if (wrong) throw new InvalidError(`Cannot read metadata "${wrong[0]}": expected a string`);
  assertMetadataFits(value as Record<string, string>);
  return value as Record<string, string>;
}
