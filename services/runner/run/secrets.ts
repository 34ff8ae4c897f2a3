import type { PlainVariable } from "../variable/variable.ts";

/** What no reader of a run's log, plan or error may see, for a masker. */
export function secretsOf(variables: readonly PlainVariable[], token: string): string[] {
  return [token, ...variables.filter(({ sensitive }) => sensitive).flatMap(textsOf)];
}

/** The strings and numbers inside an HCL expression, which Terraform shows one by one, and the expression itself. */
function textsOf({ value, hcl }: PlainVariable): string[] {
  if (!hcl) return [value];
  const strings = [...value.matchAll(/"((?:[^"\\]|\\.)*)"(\s*[:=])?/g)]
    .filter(([, , isKey]) => isKey === undefined)
    .map(([, text = ""]) => unescape(text));
  return [value, ...strings, ...(value.match(/\d[\d.]{3,}/g) ?? [])];
}

/** HCL writes strings as JSON does, but for `$${`, `%%{` and `\\U`. */
function unescape(text: string): string {
  try {
    const plain = JSON.parse(`"${text}"`) as string;
    return plain.replace(/([$%])\1\{/g, "$1{");
  } catch {
    return text;
  }
}
