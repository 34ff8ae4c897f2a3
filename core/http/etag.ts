/**
 * Whether the `If-None-Match` of a request names the tag: `*`, or a list of tags of which one is the same by weak
 * comparison (RFC 9110 §13.1.2), since a proxy that compresses makes a tag weak.
 */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
