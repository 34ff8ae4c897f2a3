import {
  memberOf,
  readPlanJson,
  type ChangeJson,
  type ModuleJson,
  type PlanJson,
  type ValuesJson,
} from "./plan-json.ts";

/**
 * The values of a plan that no reader may see, for a masker: the sensitive variables', the sensitive outputs',
 * and whatever is marked sensitive in a resource, now or then. `sensitiveVariables` are those that only the
 * environment knows to be sensitive. Throws `UnreadablePlanError`.
 */
export function collectSensitiveValues(json: unknown, sensitiveVariables: readonly string[] = []): string[] {
  const plan = readPlanJson(json);
  const found = [
    ...variableSecrets(plan),
    ...changesOf(plan).flatMap(changeSecrets),
    ...valuesSecrets(plan.planned_values),
    ...valuesSecrets(plan.prior_state?.values),
  ];
  return [...new Set([...sensitiveVariables, ...found])];
}

function variableSecrets({ variables = {}, configuration }: PlanJson): string[] {
  const declared = configuration?.root_module?.variables ?? {};
  return Object.entries(variables)
    .filter(([name]) => declared[name]?.sensitive === true)
    .flatMap(([, variable]) => textsOf(variable.value));
}

function changesOf(plan: PlanJson): ChangeJson[] {
  const resources = [...(plan.resource_changes ?? []), ...(plan.resource_drift ?? [])].map(
    ({ change }) => change,
  );
  return [...resources, ...Object.values(plan.output_changes ?? {})];
}

/** Both masks on both sides: a value that has just become sensitive was shown as it is before. */
function changeSecrets(change: ChangeJson): string[] {
  const { before, after, before_sensitive: beforeMask, after_sensitive: afterMask } = change;
  return [beforeMask, afterMask].flatMap((mask) => [
    ...maskedTexts(before, mask),
    ...maskedTexts(after, mask),
  ]);
}

function valuesSecrets({ outputs = {}, root_module: root }: ValuesJson = {}): string[] {
  const sensitive = Object.values(outputs).filter((output) => output.sensitive === true);
  return [...sensitive.flatMap((output) => textsOf(output.value)), ...(root ? moduleSecrets(root) : [])];
}

function moduleSecrets({ resources = [], child_modules: children = [] }: ModuleJson): string[] {
  const own = resources.flatMap((resource) => maskedTexts(resource.values, resource.sensitive_values));
  return [...own, ...children.flatMap(moduleSecrets)];
}

/** A mask has the shape of its value, with `true` at the depth where the secret begins. */
function maskedTexts(value: unknown, mask: unknown): string[] {
  if (mask === true) return textsOf(value);
  if (typeof mask !== "object" || mask === null) return [];
  const keys = Array.isArray(mask) ? mask.keys() : Object.keys(mask);
  return [...keys].flatMap((key) => maskedTexts(memberOf(value, key), memberOf(mask, key)));
}

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value === "number") return [String(value)];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}
