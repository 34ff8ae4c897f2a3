import type { Masker } from "./mask.ts";
import { attributeChanges, formatPath, type AttributeChange } from "./plan-attributes.ts";
import { readPlanJson, type ChangeJson, type PlanJson, type ResourceChangeJson } from "./plan-json.ts";

export type PlanAction = "create" | "update" | "delete" | "replace" | "read" | "forget" | "no-op";

export type ResourceDiff = {
  address: string;
  previousAddress?: string;
  type: string;
  /** As Terraform orders them: `["create", "delete"]` makes the new one first. */
  actions: string[];
  action: PlanAction;
  reason?: string;
  replacePaths: string[];
  importId?: string;
  /** An earlier object that is still to be deleted. */
  deposed?: string;
  attributes: AttributeChange[];
};

export type OutputDiff = { name: string; action: PlanAction; attributes: AttributeChange[] };

/** A replacement counts in `add` and in `destroy`, as Terraform counts it, and in `replace`. */
export type PlanSummary = {
  add: number;
  change: number;
  destroy: number;
  replace: number;
  read: number;
  import: number;
  move: number;
  forget: number;
  outputs: number;
  drift: number;
};

export type PlanDiff = {
  terraformVersion: string | null;
  isEmpty: boolean;
  summary: PlanSummary;
  resources: ResourceDiff[];
  outputs: OutputDiff[];
  /** What has changed outside Terraform; all that a refresh-only plan has. */
  drift: ResourceDiff[];
};

/**
 * What people may see of `terraform show -json PLAN`: the changes alone, with secrets replaced. Give it a masker
 * of `collectSensitiveValues`, for Terraform does not mark every copy of a secret. Throws `UnreadablePlanError`.
 */
export function diffPlan(json: unknown, masker: Masker): PlanDiff {
  const plan = readPlanJson(json);
  const resources = (plan.resource_changes ?? [])
    .filter(isResourceChanged)
    .map((item) => diffResource(item, masker));
  const drift = (plan.resource_drift ?? [])
    .filter(isResourceChanged)
    .map((item) => diffResource(item, masker));
  const outputs = diffOutputs(plan, masker);
  return {
    terraformVersion: plan.terraform_version ?? null,
    isEmpty: isEmptyPlan(plan),
    summary: { ...countResources(resources), outputs: outputs.length, drift: drift.length },
    resources,
    outputs,
    drift,
  };
}

/** Whether applying the plan would do nothing, as `plan -detailed-exitcode` says by 0. */
export function isEmptyPlan(json: unknown): boolean {
  const plan = readPlanJson(json);
  if (plan.applyable !== undefined) return !plan.applyable;
  const outputs = Object.values(plan.output_changes ?? {});
  if (outputs.some((change) => actionOf(change) !== "no-op")) return false;
  // Only a refresh-only plan has no list of changes.
  return !(plan.resource_changes ?? plan.resource_drift ?? []).some(isResourceChanged);
}

export function actionOf({ actions }: ChangeJson): PlanAction {
  if (actions.length > 1) return "replace";
  return singleActions.find((action) => action === actions[0]) ?? "no-op";
}

const singleActions = ["create", "update", "delete", "read", "forget"] as const;

function isResourceChanged(item: ResourceChangeJson): boolean {
  return actionOf(item.change) !== "no-op" || isMoved(item) || item.change.importing !== undefined;
}

function isMoved({ address, previous_address: previous }: ResourceChangeJson): boolean {
  return previous !== undefined && previous !== address;
}

function diffResource(item: ResourceChangeJson, masker: Masker): ResourceDiff {
  const { change, previous_address: previous, action_reason: reason, deposed } = item;
  return {
    address: masker.mask(item.address),
    ...(previous !== undefined && isMoved(item) ? { previousAddress: masker.mask(previous) } : {}),
    type: item.type,
    actions: change.actions,
    action: actionOf(change),
    ...(reason !== undefined ? { reason } : {}),
    replacePaths: (change.replace_paths ?? []).map((path) => masker.mask(formatPath(path))),
    ...(change.importing?.id !== undefined ? { importId: masker.mask(change.importing.id) } : {}),
    ...(deposed !== undefined ? { deposed } : {}),
    attributes: attributeChanges(change, masker),
  };
}

function diffOutputs(plan: PlanJson, masker: Masker): OutputDiff[] {
  return Object.entries(plan.output_changes ?? {})
    .filter(([, change]) => actionOf(change) !== "no-op")
    .map(([name, change]) => ({
      name,
      action: actionOf(change),
      attributes: attributeChanges(change, masker, [name]),
    }));
}

function countResources(resources: readonly ResourceDiff[]): Omit<PlanSummary, "outputs" | "drift"> {
  const count = (claim: (resource: ResourceDiff) => boolean): number => resources.filter(claim).length;
  return {
    add: count(({ actions }) => actions.includes("create")),
    change: count(({ action }) => action === "update"),
    destroy: count(({ actions }) => actions.includes("delete")),
    replace: count(({ action }) => action === "replace"),
    read: count(({ action }) => action === "read"),
    import: count(({ importId }) => importId !== undefined),
    move: count(({ previousAddress }) => previousAddress !== undefined),
    forget: count(({ actions }) => actions.includes("forget")),
  };
}
