import { ConflictError, NotFoundError } from "#core/errors.ts";
import type { JsonObject } from "#core/json.ts";
import type { ResolvedInput } from "../input/input.ts";
import type { PlanDiff } from "../terraform/plan-diff.ts";

export const runStates = [
  "pending",
  "planning",
  "planned",
  "planned_no_changes",
  "confirmed",
  "applying",
  "applied",
  "errored",
  "discarded",
  "superseded",
  "canceled",
] as const;
export type RunState = (typeof runStates)[number];

const finalStates: readonly RunState[] = [
  "planned_no_changes",
  "applied",
  "errored",
  "discarded",
  "superseded",
  "canceled",
];

export function isFinal(state: RunState): boolean {
  return finalStates.includes(state);
}

/** What the run's plan and apply were made with. */
export interface TerraformIdentity {
  product: "terraform" | "tofu";
  version: string;
}

export interface RunRecord {
  id: string;
  environmentId: number;
  namespace: string;
  environmentName: string;
  number: number;
  state: RunState;
  /** proto3 JSON of ingot.events.v1.Cause. */
  cause: JsonObject;
  destroy: boolean;
  message: string;
  dispatchedAt: Date | null;
  attempt: number;
  configurationNumber: number | null;
  inputs: ResolvedInput[];
  terraform: TerraformIdentity | null;
  planKey: string | null;
  diff: PlanDiff | null;
  hasChanges: boolean | null;
  error: string | null;
  confirmedBy: string | null;
  endedBy: string | null;
  supersededBy: string | null;
  cancelRequestedAt: Date | null;
  forceCancelRequestedAt: Date | null;
  createdBy: string;
  createdAt: Date;
  planningAt: Date | null;
  plannedAt: Date | null;
  confirmedAt: Date | null;
  applyingAt: Date | null;
  endedAt: Date | null;
}

export function environmentOf({ namespace, environmentName }: RunRecord): string {
  return `${namespace}/${environmentName}`;
}

export class RunNotFoundError extends NotFoundError {
  constructor(id: string, action = "read") {
    super(`Cannot ${action} run "${id}": no such run`);
  }
}

export class PlanNotFoundError extends NotFoundError {
  constructor({ number, state }: Pick<RunRecord, "number" | "state">) {
    super(`Cannot read the plan of run ${number}: it is ${state} and has none`);
  }
}

export class RunStateError extends ConflictError {
  constructor(action: string, { number, state }: Pick<RunRecord, "number" | "state">, expected: string) {
    super(`Cannot ${action} run ${number}: it is ${state}, expected ${expected}`);
  }
}

/** Whether a published version, rather than somebody, asked for the run. */
export function isArtifactCaused({ cause }: Pick<RunRecord, "cause">): boolean {
  return "version" in cause;
}
