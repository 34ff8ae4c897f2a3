import { Type } from "typebox";
import type { JsonObject } from "#core/json.ts";
import { nullable, ref, Timestamp, wordList } from "#core/http/schemas.ts";
import { environmentOf, runStates, type RunRecord } from "./run.ts";

export const RunStateWord = wordList(
  "RunState",
  runStates,
  "pending → planning → planned | planned_no_changes | errored; planned → confirmed → applying → applied | errored; planned → discarded | superseded; canceled from any state that is not final",
);

export const RunCause = Type.Object(
  {
    kind: Type.Unsafe<"version" | "user">({ type: "string", enum: ["version", "user"] }),
    by: Type.String({ description: "Who published the version, or asked for the run" }),
    event: nullable(Type.String({ description: "Id of the event that announced the version" })),
    artifact: nullable(Type.String()),
    version: nullable(Type.Integer()),
    type: nullable(Type.String()),
    at: nullable(Timestamp),
  },
  { $id: "RunCause", description: "Why the run exists: a version was published, or somebody asked" },
);

export const RunInput = Type.Object(
  {
    variable: Type.String(),
    reference: Type.String({ description: "acmeinc/web:latest" }),
    artifact: Type.String(),
    version: Type.Integer(),
    id: Type.String({ description: "The image" }),
    previous: nullable(Type.Object({ version: Type.Integer(), id: Type.String() })),
  },
  {
    $id: "RunInput",
    description: "What an input was resolved to when the plan started, and what was applied before",
  },
);

export const RunChangeCounts = Type.Object(
  { add: Type.Integer(), change: Type.Integer(), destroy: Type.Integer(), replace: Type.Integer() },
  { $id: "RunChanges", description: "A replacement counts in add and in destroy too" },
);

export const Run = Type.Object(
  {
    id: Type.String({ format: "uuid" }),
    environment: Type.String({ description: "acmeinc/prod" }),
    number: Type.Integer({ description: "Counts the runs of the environment from 1" }),
    state: ref(RunStateWord),
    message: Type.String(),
    destroy: Type.Boolean(),
    cause: ref(RunCause),
    inputs: Type.Array(ref(RunInput)),
    configuration: nullable(Type.Integer()),
    terraform: nullable(Type.Object({ product: Type.String(), version: Type.String() })),
    changes: Type.Union([ref(RunChangeCounts), Type.Null()]),
    error: nullable(Type.String()),
    cancelRequested: Type.Boolean(),
    createdBy: Type.String(),
    confirmedBy: nullable(Type.String()),
    endedBy: nullable(Type.String({ description: "Who discarded or canceled it" })),
    supersededBy: nullable(Type.String({ format: "uuid" })),
    createdAt: Timestamp,
    planningAt: nullable(Timestamp),
    plannedAt: nullable(Timestamp),
    confirmedAt: nullable(Timestamp),
    applyingAt: nullable(Timestamp),
    endedAt: nullable(Timestamp),
  },
  { $id: "Run", description: "One plan and, if confirmed, one apply in an environment" },
);

export const runSchemas = [RunStateWord, RunCause, RunInput, RunChangeCounts, Run];

export function toRunReply(run: RunRecord) {
  const { id, number, state, message, destroy, error, createdBy, confirmedBy, endedBy, supersededBy } = run;
  const inputs = run.inputs.map(({ variable, reference, artifact, version, id: image, previous }) => {
    return { variable, reference, artifact, version, id: image, previous };
  });
  return {
    id,
    environment: environmentOf(run),
    number,
    state,
    message,
    destroy,
    cause: toCauseReply(run.cause),
    inputs,
    configuration: run.configurationNumber,
    terraform: run.terraform,
    changes: toChanges(run),
    error,
    cancelRequested: run.cancelRequestedAt !== null,
    createdBy,
    confirmedBy,
    endedBy,
    supersededBy,
    createdAt: run.createdAt.toISOString(),
    planningAt: toTime(run.planningAt),
    plannedAt: toTime(run.plannedAt),
    confirmedAt: toTime(run.confirmedAt),
    applyingAt: toTime(run.applyingAt),
    endedAt: toTime(run.endedAt),
  };
}

function toChanges({ diff }: RunRecord) {
  if (!diff) return null;
  const { add, change, destroy, replace } = diff.summary;
  return { add, change, destroy, replace };
}

function toTime(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}

/** Flattens the proto JSON of the cause. */
function toCauseReply(cause: JsonObject) {
  const version = cause["version"] as Record<string, string | number> | undefined;
  const user = cause["user"] as Record<string, string> | undefined;
  const text = (value: string | number | undefined) => (value === undefined ? null : String(value));
  if (!version) {
    const nothing = { event: null, artifact: null, version: null, type: null, at: null };
    return { kind: "user" as const, by: user?.["name"] ?? "", ...nothing };
  }
  return {
    kind: "version" as const,
    by: String(version["publishedBy"] ?? ""),
    event: text(version["eventId"]),
    artifact: text(version["artifact"]),
    version: Number(version["version"]),
    type: text(version["type"]),
    at: text(version["publishedAt"]),
  };
}
