import type { PlainVariable } from "../variable/variable.ts";
import { openVariables } from "./freeze.ts";
import type { PhaseDeps } from "./phase.ts";
import type { RunRecord } from "./run.ts";
import { listAppliedVariables } from "./store.ts";

const earlierRuns = 20;

/**
 * What no reader of a run's log, plan or error may see, for a masker: the token, the sensitive variables, and what
 * they were in earlier applies, for a plan shows what the state holds beside what shall be.
 */
export async function readSecrets(
  { database, box }: Pick<PhaseDeps, "database" | "box">,
  { run, token, variables }: { run: RunRecord; token: string; variables: readonly PlainVariable[] },
): Promise<string[]> {
  const earlier = await listAppliedVariables(database.kysely, run.environmentId, earlierRuns);
  const all = [variables, ...earlier.map(({ id, sealed }) => openVariables(box, { id }, sealed))];
  return [...new Set([token, ...all.flatMap(secretsOf)])];
}

/** Of one set of variables. */
export function secretsOf(variables: readonly PlainVariable[]): string[] {
  return variables.filter(({ sensitive }) => sensitive).flatMap(textsOf);
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
