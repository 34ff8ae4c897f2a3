const mask = "[scrubbed]";

const secretMembers =
  "authorization|x-atlas-token|cookie|set-cookie|password|secret|upload_path|upload_token";

const patterns: readonly [RegExp, string][] = [
  [/ingot_[A-Za-z0-9_-]{20,}/g, mask],
  [/(access_token(?:=|%3D))[^&\s"\\]+/gi, `$1${mask}`],
  [/\b((?:bearer|authorization: *basic) +)[A-Za-z0-9._~+/=-]{8,}/gi, `$1${mask}`],
  // A member of JSON, and of JSON inside a string of JSON: the same backslashes stand before each quote.
  [
    new RegExp(`((\\\\{0,7})"(?:${secretMembers})\\2"\\s*:\\s*\\2")(?:\\\\.|[^"\\\\])*?(?=\\2")`, "gi"),
    `$1${mask}`,
  ],
  [/(\b(?:postgres|postgresql|nats|https?):\/\/[^:@/\s"]*:)[^/\s"]+(?=@)/gi, `$1${mask}`],
  [/(\/api\/v1\/uploads\/)[A-Za-z0-9_-]+/g, `$1${mask}`],
];

/** Removes tokens, passwords in URLs and upload secrets from a text that leaves the process. */
export function scrub(text: string): string {
  return patterns.reduce((scrubbed, [pattern, replacement]) => scrubbed.replace(pattern, replacement), text);
}
