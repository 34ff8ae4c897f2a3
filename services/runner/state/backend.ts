import type { Buffer } from "node:buffer";
import type { SecretBox } from "#core/secret-box.ts";
import type { RunnerDatabase } from "../database.ts";
import { formatEnvironment, type EnvironmentRecord } from "../environment/environment.ts";
import { lockEnvironment } from "../environment/store.ts";
import {
  compareState,
  md5Of,
  readStateHead,
  StateConflictError,
  StateInvalidError,
  StateLockedError,
  StateNotFoundError,
  type LockInfo,
} from "./state.ts";
import {
  deleteStateLock,
  findCurrentState,
  findStateBody,
  findStateLock,
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

function stateContext(environmentId: number, number: number): string {
  return `state ${environmentId} ${number}`;
}

/** What Terraform's http backend asks for, and no more: one state of an environment, its lock and its versions. */
export function createStateBackend({ database: { kysely }, box }: StateBackendDeps) {
  async function readVersion(environment: EnvironmentRecord, number: number): Promise<Buffer> {
    const sealed = await findStateBody(kysely, environment.id, number);
    if (!sealed) throw new StateNotFoundError(formatEnvironment(environment), number);
    return box.open(sealed, stateContext(environment.id, number));
  }

  return {
    readVersion,

    /** Undefined before the first write. */
    async read(environment: EnvironmentRecord): Promise<StateBody | undefined> {
      const current = await findCurrentState(kysely, environment.id);
      if (!current) return undefined;
      return { body: await readVersion(environment, current.number), md5: current.md5 };
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
        const number = (current?.number ?? 0) + 1;
        const sealed = box.seal(body, stateContext(environment.id, number));
        await insertStateVersion(trx, environment.id, {
          ...next,
          number,
          md5: actual,
          sizeBytes: body.length,
          body: sealed,
          runId: caller.runId,
          createdBy: caller.name,
        });
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

    /** Without an id, whoever holds it: `terraform force-unlock` of Terraform sends none. */
    async unlock(environment: EnvironmentRecord, { lockId }: { lockId?: string | undefined }): Promise<void> {
      await kysely.transaction().execute(async (trx) => {
        await lockEnvironment(trx, environment.id);
        const lock = await findStateLock(trx, environment.id);
        if (!lock) return;
        if (lockId !== undefined && lock.lockId !== lockId) {
          throw new StateLockedError(formatEnvironment(environment), lock.info);
        }
        await deleteStateLock(trx, environment.id);
      });
    },
  };
}

export type StateBackend = ReturnType<typeof createStateBackend>;
