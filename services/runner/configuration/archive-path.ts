import { UnsafeArchiveError } from "./archive-errors.ts";

const maxSegmentBytes = 255;
const maxSegments = 64;

/**
 * The segments of an entry's name below the directory; none for the directory itself. Throws
 * `UnsafeArchiveError`.
 */
export function parseEntryPath(name: string, maxPathBytes: number): string[] {
  const rule = brokenRule(name, maxPathBytes);
  if (rule) throw new UnsafeArchiveError(name.slice(0, maxPathBytes), rule);
  return segmentsOf(name);
}

function brokenRule(name: string, maxPathBytes: number): string | undefined {
  if (name.includes("\0")) return "a name has no NUL character";
  if (name.startsWith("/")) return "a name is relative";
  if (Buffer.byteLength(name) > maxPathBytes) return `a name has at most ${maxPathBytes} bytes`;
  const segments = segmentsOf(name);
  if (segments.includes("..")) return 'a name has no ".."';
  if (segments.length > maxSegments) return `a name has at most ${maxSegments} folders`;
  const isTooLong = segments.some((segment) => Buffer.byteLength(segment) > maxSegmentBytes);
  return isTooLong ? `a file name has at most ${maxSegmentBytes} bytes` : undefined;
}

function segmentsOf(name: string): string[] {
  return name.split("/").filter((segment) => segment !== "" && segment !== ".");
}

/** What belongs to one working copy: installed providers and modules, and local state, which holds secrets. */
export function isWorkingData(segments: readonly string[]): boolean {
  return segments.includes(".terraform") || (segments.at(-1) ?? "").startsWith("terraform.tfstate");
}
