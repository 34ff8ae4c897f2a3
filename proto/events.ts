import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import {
  ArtifactVersionPublishedSchema,
  type ArtifactVersionPublished,
} from "./gen/ingot/events/v1/registry_pb.js";
import { RunRequestedSchema, type RunRequested } from "./gen/ingot/events/v1/trigger_pb.js";
import {
  EnvironmentInputsDeclaredSchema,
  RunAppliedSchema,
  RunApplyingSchema,
  RunCanceledSchema,
  RunConfirmedSchema,
  RunDiscardedSchema,
  RunErroredSchema,
  RunPlannedSchema,
  RunPlanningSchema,
  type EnvironmentInputsDeclared,
  type RunApplied,
  type RunApplying,
  type RunCanceled,
  type RunConfirmed,
  type RunDiscarded,
  type RunErrored,
  type RunPlanned,
  type RunPlanning,
} from "./gen/ingot/events/v1/runner_pb.js";

/** Event type → message of its data. */
export interface EventData {
  "artifact.version.published": ArtifactVersionPublished;
  "run.requested": RunRequested;
  "environment.inputs.declared": EnvironmentInputsDeclared;
  "run.planning": RunPlanning;
  "run.planned": RunPlanned;
  "run.confirmed": RunConfirmed;
  "run.discarded": RunDiscarded;
  "run.applying": RunApplying;
  "run.applied": RunApplied;
  "run.errored": RunErrored;
  "run.canceled": RunCanceled;
}

export type EventType = keyof EventData;

export const eventSchemas: { readonly [Type in EventType]: GenMessage<EventData[Type]> } = {
  "artifact.version.published": ArtifactVersionPublishedSchema,
  "run.requested": RunRequestedSchema,
  "environment.inputs.declared": EnvironmentInputsDeclaredSchema,
  "run.planning": RunPlanningSchema,
  "run.planned": RunPlannedSchema,
  "run.confirmed": RunConfirmedSchema,
  "run.discarded": RunDiscardedSchema,
  "run.applying": RunApplyingSchema,
  "run.applied": RunAppliedSchema,
  "run.errored": RunErroredSchema,
  "run.canceled": RunCanceledSchema,
};
