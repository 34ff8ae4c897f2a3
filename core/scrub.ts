const mask = "[scrubbed]";

const patterns: readonly [RegExp, string][] = [
  [/\bingot_[A-Za-z0-9_-]{20,}/g, mask],
  [/(access_token=)[^&\s"\\]+/gi, `$1${mask}`],
  [/("(?:authorization|x-atlas-token|cookie|password|secret|upload_path)"\s*:\s*")[^"\\]*/gi, `$1${mask}`],
  [/(\b(?:postgres|postgresql|nats|https?):\/\/[^:@/\s"]*:)[^@/\s"]+(?=@)/gi, `$1${mask}`],
  [/(\/api\/v1\/uploads\/)[A-Za-z0-9_-]+/g, `$1${mask}`],
];

/** Removes tokens, passwords in URLs and upload secrets from a text that leaves the process. */
export function scrub(text: string): string {
  return patterns.reduce((scrubbed, [pattern, replacement]) => scrubbed.replace(pattern, replacement), text);
}
