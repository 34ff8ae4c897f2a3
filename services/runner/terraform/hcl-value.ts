import { InvalidRunVariableError } from "./variable-error.ts";

// Comments, quoted strings and here-documents are taken whole, so that brackets in them do not count.
const token =
  /#[^\n]*|\/\/[^\n]*|\/\*[^]*?\*\/|"(?:[^"\\\n]|\\[^\n])*"|<<-?(?<marker>[\p{L}_][\p{L}\p{N}_-]*)\r?\n|(?<open>[([{])|(?<close>[)\]}])|(?<broken>"|\/\*|<<)/gu;
const partners: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/**
 * The assignment of one HCL expression in a `.tfvars` file. The expression must be closed in itself; it is put
 * into parentheses, where a line break cannot begin another assignment. Templates (`${…}`) are refused, for
 * nothing can be referred to in such a file. Throws `InvalidRunVariableError`.
 */
export function assignHcl(key: string, expression: string): string {
  const rule = brokenRule(expression);
  if (rule) throw new InvalidRunVariableError(key, rule);
  return `${key} = (\n${expression}\n)\n`;
}

function brokenRule(expression: string): string | undefined {
  if (expression.includes("\0")) return "a value has no NUL character";
  if (hasTemplate(expression)) return "an HCL value has no templates";
  return isClosed(expression) ? undefined : "an HCL value is one expression with closed brackets and quotes";
}

/** `$${` and `%%{` stand for the characters themselves, except after what could change the meaning of the first one. */
function hasTemplate(expression: string): boolean {
  return (expression.match(/[\\$%]+\{/g) ?? []).some((opening) => opening !== "$${" && opening !== "%%{");
}

function isClosed(expression: string): boolean {
  const expected: string[] = [];
  const scanner = new RegExp(token);
  for (let match = scanner.exec(expression); match; match = scanner.exec(expression)) {
    const { open, close, marker, broken } = match.groups ?? {};
    if (broken) return false;
    if (open) expected.push(partners[open] ?? "");
    if (close && expected.pop() !== close) return false;
    if (!marker) continue;
    const end = endOfHereDocument(expression, scanner.lastIndex, marker);
    if (end === undefined) return false;
    scanner.lastIndex = end;
  }
  return expected.length === 0;
}

/** The here-document ends with a line that holds only its marker; white space as in Go's `bytes.TrimSpace`. */
function endOfHereDocument(text: string, start: number, marker: string): number | undefined {
  let position = start;
  for (const line of text.slice(start).split("\n")) {
    position += line.length + 1;
    const trimmed = line.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");
    if (trimmed === marker) return Math.min(position, text.length);
  }
  return undefined;
}
