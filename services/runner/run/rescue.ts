import { readFile } from "node:fs/promises";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { BlobMissingError } from "#core/blob/blob-store.ts";
import { codeOf, messageOf, NotFoundError } from "#core/errors.ts";
import type { PhaseDeps } from "./phase.ts";
import type { RunRecord } from "./run.ts";

/** Where Terraform leaves the state of an apply that it could not store. */
export const unsavedFile = "errored.tfstate";

/** The state could not be stored when the apply ended: it must not go with the run's directory. */
export class StateUnsavedError extends Error {
  override readonly name = "StateUnsavedError";
  constructor(run: RunRecord, options: ErrorOptions) {
    super(
      `${messageOf(options.cause)}. The new state could not be stored in the environment; it is kept, sealed: read it at /api/v2/runs/${run.id}/unsaved-state and push it with terraform state push`,
      options,
    );
  }
}

export class NoUnsavedStateError extends NotFoundError {
  constructor({ number }: Pick<RunRecord, "number">) {
    super(`Cannot read the unsaved state of run ${number}: it left none`);
  }
}

type Vault = Pick<PhaseDeps, "blobs" | "box">;

function keyOf({ id }: Pick<RunRecord, "id">): string {
  return `errored-states/${id}`;
}

/** Keeps the state that an apply left in its directory, and says so; undefined when it left none. */
export async function rescueState(
  { blobs, box }: Vault,
  { run, directory, error }: { run: RunRecord; directory: string; error: unknown },
): Promise<StateUnsavedError | undefined> {
  const body = await readUnsaved(directory);
  if (!body) return undefined;
  const key = keyOf(run);
  await blobs.put(key, Readable.from([box.seal(body, key)]));
  return new StateUnsavedError(run, { cause: error });
}

async function readUnsaved(directory: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path.join(directory, unsavedFile));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

export async function readRescuedState(
  { blobs, box }: Vault,
  run: Pick<RunRecord, "id" | "number">,
): Promise<Buffer> {
  const key = keyOf(run);
  try {
    return box.open(await buffer(await blobs.get(key)), key);
  } catch (error) {
    if (error instanceof BlobMissingError) throw new NoUnsavedStateError(run);
    throw error;
  }
}
