import type { Buffer } from "node:buffer";
import { sql, type Generated, type Kysely, type Transaction, type Updateable } from "kysely";
import type { JsonObject } from "#core/json.ts";
import type { RunnerTables } from "../database.ts";
import type { ResolvedInput } from "../input/input.ts";
import type { PlanDiff } from "../terraform/plan-diff.ts";
import { RunNotFoundError, type RunRecord, type RunState, type TerraformIdentity } from "./run.ts";

export interface RunTable {
  id: string;
  environment_id: number;
  number: number;
  state: RunState;
  cause: JsonObject;
  destroy: boolean;
  message: string;
  dispatched_at: Date | null;
  attempt: Generated<number>;
  token_hash: Buffer | null;
  configuration_number: number | null;
  variables: Buffer | null;
  inputs: Generated<ResolvedInput[]>;
  terraform: TerraformIdentity | null;
  plan_key: string | null;
  lock_file: string | null;
  diff: PlanDiff | null;
  has_changes: boolean | null;
  error: string | null;
  process: RunProcess | null;
  confirmed_by: string | null;
  ended_by: string | null;
  superseded_by: string | null;
  cancel_requested_at: Date | null;
  force_cancel_requested_at: Date | null;
  idempotency_key: string | null;
  created_by: string;
  created_at: Generated<Date>;
  planning_at: Date | null;
  planned_at: Date | null;
  confirmed_at: Date | null;
  applying_at: Date | null;
  ended_at: Date | null;
}

/** The process group that works on a run, so that a later runner on the same host can end it. */
export interface RunProcess {
  host: string;
  pid: number;
  /** Kernel start time of the process: with the pid it names one process for ever. */
  started: string;
}

const columns = [
  "run.id",
  "run.environment_id as environmentId",
  "environment.namespace",
  "environment.name as environmentName",
  "run.number",
  "run.state",
  "run.cause",
  "run.destroy",
  "run.message",
  "run.dispatched_at as dispatchedAt",
  "run.attempt",
  "run.configuration_number as configurationNumber",
  "run.inputs",
  "run.terraform",
  "run.plan_key as planKey",
  "run.diff",
  "run.has_changes as hasChanges",
  "run.error",
  "run.confirmed_by as confirmedBy",
  "run.ended_by as endedBy",
  "run.superseded_by as supersededBy",
  "run.cancel_requested_at as cancelRequestedAt",
  "run.force_cancel_requested_at as forceCancelRequestedAt",
  "run.created_by as createdBy",
  "run.created_at as createdAt",
  "run.planning_at as planningAt",
  "run.planned_at as plannedAt",
  "run.confirmed_at as confirmedAt",
  "run.applying_at as applyingAt",
  "run.ended_at as endedAt",
] as const;

export function selectRuns(db: Kysely<RunnerTables>) {
  return db
    .selectFrom("run")
    .innerJoin("environment", "environment.id", "run.environment_id")
    .select(columns);
}

export async function findRun(db: Kysely<RunnerTables>, id: string): Promise<RunRecord | undefined> {
  return selectRuns(db).where("run.id", "=", id).executeTakeFirst();
}

export async function getRun(db: Kysely<RunnerTables>, id: string): Promise<RunRecord> {
  const found = await findRun(db, id);
  if (!found) throw new RunNotFoundError(id);
  return found;
}

/** Locks the environment and then the run, in the order that everybody takes them. */
export async function lockRun(trx: Transaction<RunnerTables>, id: string): Promise<RunRecord> {
  await sql`select from environment where id = (select environment_id from run where id = ${id}) for update`.execute(
    trx,
  );
  return getRun(trx, id);
}

export interface NewRun {
  id: string;
  cause: JsonObject;
  destroy: boolean;
  message: string;
  createdBy: string;
  idempotencyKey?: string | undefined;
}

/** Takes the environment's next run number. */
export async function insertRun(
  trx: Transaction<RunnerTables>,
  environmentId: number,
  { id, cause, destroy, message, createdBy, idempotencyKey }: NewRun,
): Promise<RunRecord> {
  const { last_run_number: number } = await trx
    .updateTable("environment")
    .set((field) => ({ last_run_number: field("last_run_number", "+", 1) }))
    .where("id", "=", environmentId)
    .returning("last_run_number")
    .executeTakeFirstOrThrow();
  await sql`
    insert into run (id, environment_id, number, state, cause, destroy, message, created_by, idempotency_key)
    values (${id}, ${environmentId}, ${number}, 'pending', ${JSON.stringify(cause)}, ${destroy}, ${message}, ${createdBy},
      ${idempotencyKey ?? null})`.execute(trx);
  return getRun(trx, id);
}

export async function findRunByIdempotencyKey(
  trx: Transaction<RunnerTables>,
  environmentId: number,
  key: string,
): Promise<RunRecord | undefined> {
  return selectRuns(trx)
    .where("run.environment_id", "=", environmentId)
    .where("run.idempotency_key", "=", key)
    .executeTakeFirst();
}

/** The time of the transaction. */
export const now = sql<Date>`now()`;

type Plain = Omit<Updateable<RunTable>, "id" | "inputs" | "diff" | "terraform" | "process">;

export type RunChanges = {
  [Column in keyof Plain]: Plain[Column] | (Date extends Plain[Column] ? typeof now : never);
} & {
  inputs?: readonly ResolvedInput[];
  diff?: PlanDiff;
  terraform?: TerraformIdentity;
  process?: RunProcess | null;
};

export async function updateRun(
  trx: Transaction<RunnerTables> | Kysely<RunnerTables>,
  id: string,
  { inputs, diff, terraform, process, ...plain }: RunChanges,
): Promise<RunRecord> {
  const json = Object.entries({ inputs, diff, terraform, process }).filter(
    ([, value]) => value !== undefined,
  );
  const changes = {
    ...plain,
    ...Object.fromEntries(json.map(([key, value]) => [key, value && JSON.stringify(value)])),
  };
  await trx
    .updateTable("run")
    .set(changes as never)
    .where("id", "=", id)
    .execute();
  return getRun(trx, id);
}

/** Unless another attempt has begun, or the phase is over. */
export async function recordRunProcess(
  db: Kysely<RunnerTables>,
  { id, attempt, state }: Pick<RunRecord, "id" | "attempt" | "state">,
  process: RunProcess,
): Promise<void> {
  await db
    .updateTable("run")
    .set({ process: JSON.stringify(process) as never })
    .where("id", "=", id)
    .where("attempt", "=", attempt)
    .where("state", "=", state)
    .execute();
}

/** What a phase needs and nobody else may see. */
export interface RunSecrets {
  variables: Buffer | null;
  lockFile: string | null;
  process: RunProcess | null;
}

export async function getRunSecrets(db: Kysely<RunnerTables>, id: string): Promise<RunSecrets> {
  return db
    .selectFrom("run")
    .select(["variables", "lock_file as lockFile", "process"])
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
}

export async function findRunByToken(
  db: Kysely<RunnerTables>,
  tokenHash: Buffer,
): Promise<RunRecord | undefined> {
  return selectRuns(db).where("run.token_hash", "=", tokenHash).executeTakeFirst();
}

/** The variables of the newest runs that have begun to apply. */
export async function listAppliedVariables(
  db: Kysely<RunnerTables>,
  environmentId: number,
  limit: number,
): Promise<{ id: string; sealed: Buffer | null }[]> {
  return db
    .selectFrom("run")
    .select(["id", "variables as sealed"])
    .where("environment_id", "=", environmentId)
    .where("applying_at", "is not", null)
    .orderBy("number", "desc")
    .limit(limit)
    .execute();
}

/** What the last applied run of the environment had for its inputs. */
export async function findLastAppliedInputs(
  db: Kysely<RunnerTables>,
  environmentId: number,
): Promise<ResolvedInput[]> {
  const last = await db
    .selectFrom("run")
    .select("inputs")
    .where("environment_id", "=", environmentId)
    .where("state", "=", "applied")
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  return last?.inputs ?? [];
}

export interface RunQuery {
  visible: "*" | readonly string[];
  environmentId?: number | undefined;
  state?: RunState | undefined;
  /** Id of the last run of the page before. */
  after?: string | undefined;
  limit: number;
}

/** Newest first; one row more than the limit. */
export async function listRuns(
  db: Kysely<RunnerTables>,
  { visible, environmentId, state, after, limit }: RunQuery,
): Promise<RunRecord[]> {
  let query = selectRuns(db);
  if (visible !== "*") {
    query = query.where("environment.namespace", "in", visible.length > 0 ? visible : [""]);
  }
  if (environmentId !== undefined) query = query.where("run.environment_id", "=", environmentId);
  if (state !== undefined) query = query.where("run.state", "=", state);
  if (after !== undefined) query = query.where("run.id", "<", after);
  return query
    .orderBy("run.id", "desc")
    .limit(limit + 1)
    .execute();
}
