export type IgnoreRules = (path: string) => boolean;

type Rule = { pattern: RegExp; isIgnored: boolean };

/**
 * The lines of a `.terraformignore`: `*`, `**`, `?`, a leading `/` for the root, a trailing `/` for folders, `!`
 * to keep, `#` for a comment; the last line that matches decides.
 * https://developer.hashicorp.com/terraform/cli/cloud/settings#excluding-files-from-upload-with-terraformignore
 */
export function parseIgnoreRules(text: string): IgnoreRules {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const rules = lines.filter((line) => line !== "" && !line.startsWith("#")).map(parseRule);
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.isIgnored ?? false;
}

function parseRule(line: string): Rule {
  const isKept = line.startsWith("!");
  const pattern = isKept ? line.slice(1) : line;
  const start = pattern.startsWith("/") ? "" : "(?:.*/)?";
  const end = pattern.endsWith("/") ? "/.*" : "(?:/.*)?";
  const body = pattern.replace(/^\/|\/$/g, "").replace(/\*\*\/|\*\*|\*|\?|[\\^$.+()[\]{}|]/g, translate);
  return { pattern: new RegExp(`^${start}${body}${end}$`, "s"), isIgnored: !isKept };
}

function translate(token: string): string {
  switch (token) {
    case "**/":
      return "(?:.*/)?";
    case "**":
      return ".*";
    case "*":
      return "[^/]*";
    case "?":
      return "[^/]";
    default:
      return `\\${token}`;
  }
}
