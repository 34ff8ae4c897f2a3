import { createHash, randomBytes } from "node:crypto";
import type { Buffer } from "node:buffer";
import type { Readable } from "node:stream";
import type { BlobInfo, BlobStore } from "#core/blob/blob-store.ts";
import { DatabaseUnavailableError, retryBroken } from "#core/database/retry.ts";
import { uuidv7 } from "#core/id.ts";
import { ConflictError, NotFoundError } from "#core/errors.ts";
import { appendOutbox, type Outbox } from "#core/outbox/outbox.ts";
import { encodeData } from "#proto/cloud-event.ts";
import { timestampFromDate } from "#proto/time.ts";
import { formatArtifact } from "../artifact/artifact.ts";
import type { RegistryDatabase } from "../database.ts";
import { formatVersion, type BuildRecord, type FileRecord } from "../version/version.ts";
import { completeFile, findBuildByUpload } from "./store.ts";

/** Who knows the secret may send the file of one build, once: atlas-go sends no credentials with the bytes. */
export interface UploadSecret {
  secret: string;
  hash: Buffer;
}

export function createUploadSecret(): UploadSecret {
  const secret = randomBytes(32).toString("base64url");
  return { secret, hash: hashUploadSecret(secret) };
}

export function hashUploadSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** The secret stands in the path: atlas-go drops the query of an upload URL. */
export function uploadUrl(baseUrl: string, secret: string): string {
  return `${baseUrl}/api/v1/uploads/${secret}`;
}

export class UploadNotFoundError extends NotFoundError {
  constructor() {
    super("Cannot store the file: nothing is waiting for an upload at this address");
  }
}

export class FileExistsError extends ConflictError {
  constructor(build: BuildRecord) {
    super(`Cannot store the file of "${formatVersion(build)}" (${build.type}): it has arrived already`);
  }
}

export interface UploadDeps {
  database: RegistryDatabase;
  blobs: BlobStore;
  outbox: Pick<Outbox, "wake">;
}

/** Stores the bytes, then makes the build visible and announces it. */
export async function receiveFile(
  { database, blobs, outbox }: UploadDeps,
  { secret, bytes }: { secret: string; bytes: Readable },
): Promise<BlobInfo> {
  const build = await retryBroken("find the upload", () =>
    findBuildByUpload(database.kysely, hashUploadSecret(secret)),
  );
  if (!build) throw new UploadNotFoundError();
  if (build.publishedAt) throw new FileExistsError(build);
  const key = `files/${build.id}/${uuidv7()}`;
  const info = await blobs.put(key, bytes);
  const completed = await complete(database, build, { key, ...info }).catch(async (error: unknown) => {
    // Without an answer the transaction may have been committed, and then the build needs its bytes.
    if (!(error instanceof DatabaseUnavailableError)) await blobs.delete(key);
    throw error;
  });
  if (!completed) {
    await blobs.delete(key);
    throw new FileExistsError(build);
  }
  outbox.wake();
  return info;
}

/** The build and its announcement in one transaction, safe to repeat; false when another upload was first. */
function complete(database: RegistryDatabase, build: BuildRecord, file: FileRecord): Promise<boolean> {
  return retryBroken("store the file", () =>
    database.kysely.transaction().execute(async (trx) => {
      const publishedAt = await completeFile(trx, { buildId: build.id, file });
      if (!publishedAt) return false;
      const subject = formatArtifact(build);
      const { number: version, type, externalId, metadata, publishedBy } = build;
      const data = encodeData("artifact.version.published", {
        artifact: subject,
        version,
        type,
        externalId,
        metadata,
        publishedBy,
        publishedAt: timestampFromDate(publishedAt),
        file: { sizeBytes: BigInt(file.sizeBytes), sha256: file.sha256 },
      });
      // One announcement of a build for all times: its id is the build's.
      await appendOutbox(trx, [{ id: build.id, type: "artifact.version.published", subject, data }]);
      return true;
    }),
  );
}
