import type { Buffer } from "node:buffer";
import type { Kysely, Transaction } from "kysely";
import type { SecretBox } from "#core/secret-box.ts";
import type { RunnerDatabase, RunnerTables } from "../database.ts";
import { formatEnvironment, type EnvironmentRecord } from "../environment/environment.ts";
import { lockEnvironment } from "../environment/store.ts";
import { refuseLiveHolder } from "./holder.ts";
import {
  compareState,
  md5Of,
  readStateHead,
  StateConflictError,
  StateInvalidError,
  StateLockedError,
  StateNotFoundError,
  withSerial,
  type LockInfo,
  type StateVersionRecord,
} from "./state.ts";
import {
  deleteStateLock,
  findCurrentState,
  findStateBody,
  findStateLock,
  getCurrentState,
  insertStateLock,
  insertStateVersion,
} from "./store.ts";

/** Who reads or writes: a token's name, and the run whose token it is. */
export interface StateCaller {
  name: string;
  runId: string | null;
}

export interface StateBackendDeps {
  database: RunnerDatabase;
  box: SecretBox;
}

export interface StateBody {
  body: Buffer;
  md5: Buffer;
}

interface NewState {
  environment: EnvironmentRecord;
  current: StateVersionRecord | undefined;
  body: Buffer;
  caller: StateCaller;
}

function stateContext(environmentId: number, number: number): string {
  return `state ${environmentId} ${number}`;
}

/** What Terraform's http backend asks for, and no more: one state of an environment, its lock and its versions. */
export function createStateBackend({ database: { kysely }, box }: StateBackendDeps) {
  async function readVersion(environment: EnvironmentRecord, number: number): Promise<Buffer> {
    const body = await openBody(kysely, environment.id, number);
    if (!body) throw new StateNotFoundError(formatEnvironment(environment), number);
    return body;
  }

  async function openBody(db: Kysely<RunnerTables>, environmentId: number, number: number) {
    const sealed = await findStateBody(db, environmentId, number);
    return sealed && box.open(sealed, stateContext(environmentId, number));
  }

  /** Keeps the body as the version after `current`. */
  async function append(
    trx: Transaction<RunnerTables>,
    { environment, current, body, caller }: NewState,
  ): Promise<StateVersionRecord> {
    const number = (current?.number ?? 0) + 1;
    await insertStateVersion(trx, environment.id, {
      ...readStateHead(formatEnvironment(environment), body),
      number,
      md5: md5Of(body),
      sizeBytes: body.length,
      body: box.seal(body, stateContext(environment.id, number)),
      runId: caller.runId,
      createdBy: caller.name,
    });
    return getCurrentState(trx, environment.id);
  }

  return {
    readVersion,

    /** Undefined before the first write. */
    async read({ id }: Pick<EnvironmentRecord, "id">): Promise<StateBody | undefined> {
      const current = await findCurrentState(kysely, id);
      const body = current && (await openBody(kysely, id, current.number));
      return body && { body, md5: current.md5 };
    },

    /** Keeps the body as a new version. Writing the same bytes again changes nothing. */
    async write(
      environment: EnvironmentRecord,
      {
        body,
        md5,
        lockId,
        caller,
      }: { body: Buffer; md5?: Buffer | undefined; lockId?: string | undefined; caller: StateCaller },
    ): Promise<void> {
      const name = formatEnvironment(environment);
      const actual = md5Of(body);
      if (md5 && !md5.equals(actual))
        throw new StateInvalidError(name, "the body does not match its Content-MD5");
      const next = readStateHead(name, body);
      await kysely.transaction().execute(async (trx) => {
        await lockEnvironment(trx, environment.id);
        const lock = await findStateLock(trx, environment.id);
        if (lock && lock.lockId !== lockId) throw new StateLockedError(name, lock.info);
        if (!lock && lockId !== undefined) {
          throw new StateConflictError(name, `nobody holds the lock "${lockId}"`);
        }
        const current = await findCurrentState(trx, environment.id);
        if (compareState(name, { current, next, md5: actual }) === "same") return;
        await append(trx, { environment, current, body, caller });
      });
    },

    /** Makes an earlier body the newest again, under the next serial, so that Terraform takes it for newer. */
    async rollBack(
      environment: EnvironmentRecord,
      { number, caller }: { number: number; caller: StateCaller },
    ): Promise<StateVersionRecord> {
      const name = formatEnvironment(environment);
      return kysely.transaction().execute(async (trx) => {
        await lockEnvironment(trx, environment.id);
        const lock = await findStateLock(trx, environment.id);
        if (lock) throw new StateLockedError(name, lock.info);
        const earlier = await openBody(trx, environment.id, number);
        if (!earlier) throw new StateNotFoundError(name, number, "roll back to");
        const current = await getCurrentState(trx, environment.id);
        const body = withSerial(earlier, current.serial + 1);
        return append(trx, { environment, current, body, caller });
      });
    },

    /** Throws StateLockedError with the holder. Locking again with the same id is no error: it is a retry. */
    async lock(
      environment: EnvironmentRecord,
      { info, caller }: { info: LockInfo; caller: StateCaller },
    ): Promise<void> {
      await kysely.transaction().execute(async (trx) => {
        await lockEnvironment(trx, environment.id);
        const lock = await findStateLock(trx, environment.id);
        if (lock?.lockId === info.ID) return;
        if (lock) throw new StateLockedError(formatEnvironment(environment), lock.info);
        await insertStateLock(trx, environment.id, { lockId: info.ID, info, runId: caller.runId });
      });
    },

    /** A run gives back its own lock alone. Without an id, as `terraform force-unlock` asks, whoever holds it. */
    async unlock(
      environment: EnvironmentRecord,
      { lockId, caller }: { lockId?: string | undefined; caller: StateCaller },
    ): Promise<void> {
      const name = formatEnvironment(environment);
      await kysely.transaction().execute(async (trx) => {
        await lockEnvironment(trx, environment.id);
        const lock = await findStateLock(trx, environment.id);
        if (!lock) return;
        const isOthers = caller.runId !== null && lock.runId !== caller.runId;
        if (isOthers || (lockId !== undefined && lock.lockId !== lockId)) {
          throw new StateLockedError(name, lock.info);
        }
        if (lockId === undefined)
          await refuseLiveHolder(trx, { environment, action: "force-unlock the state of" });
        await deleteStateLock(trx, environment.id);
      });
    },
  };
}

export type StateBackend = ReturnType<typeof createStateBackend>;
