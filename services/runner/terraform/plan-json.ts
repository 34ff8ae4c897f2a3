import { UnavailableError } from "#core/errors.ts";

/** The parts of `terraform show -json PLAN` that are read here: https://developer.hashicorp.com/terraform/internals/json-format */
export type PlanJson = {
  format_version: string;
  terraform_version?: string;
  applyable?: boolean;
  resource_changes?: ResourceChangeJson[];
  resource_drift?: ResourceChangeJson[];
  output_changes?: Record<string, ChangeJson>;
  variables?: Record<string, { value?: unknown }>;
  planned_values?: ValuesJson;
  prior_state?: { values?: ValuesJson };
  configuration?: { root_module?: { variables?: Record<string, { sensitive?: boolean }> } };
};

export type ResourceChangeJson = {
  address: string;
  previous_address?: string;
  type: string;
  deposed?: string;
  change: ChangeJson;
  action_reason?: string;
};

export type ChangeJson = {
  actions: string[];
  before?: unknown;
  after?: unknown;
  after_unknown?: unknown;
  before_sensitive?: unknown;
  after_sensitive?: unknown;
  replace_paths?: (string | number)[][];
  importing?: { id?: string };
};

export type ValuesJson = {
  outputs?: Record<string, { sensitive?: boolean; value?: unknown }>;
  root_module?: ModuleJson;
};

export type ModuleJson = {
  resources?: { values?: unknown; sensitive_values?: unknown }[];
  child_modules?: ModuleJson[];
};

export class UnreadablePlanError extends UnavailableError {
  constructor(problem: string) {
    super(`Cannot read the plan: ${problem}`);
  }
}

/** Major version 1 only grows; another one can mean other masks. */
export function readPlanJson(value: unknown): PlanJson {
  if (!isRecord(value)) throw new UnreadablePlanError("it is not a JSON object");
  const version = value["format_version"];
  if (typeof version !== "string" || !version.startsWith("1.")) {
    throw new UnreadablePlanError(`its format version is "${String(version)}", not 1.x`);
  }
  return value as PlanJson;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member of an object or array that may also be anything else. */
export function memberOf(value: unknown, key: string | number): unknown {
  if (Array.isArray(value)) return typeof key === "number" ? value[key] : undefined;
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** The variables of the root module. */
export function declaredVariables(json: unknown): string[] {
  return Object.keys(readPlanJson(json).configuration?.root_module?.variables ?? {});
}
