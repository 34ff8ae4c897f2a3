import type { Buffer } from "node:buffer";
import { DatabaseUnavailableError, retryBroken } from "#core/database/retry.ts";
import { uuidv7 } from "#core/id.ts";
import type { Outbox } from "#core/outbox/outbox.ts";
import { encodeData } from "#proto/cloud-event.ts";
import { formatArtifact, type ArtifactRef } from "../artifact/artifact.ts";
import type { RegistryDatabase } from "../database.ts";
import { deriveMetadata } from "./metadata.ts";

export interface NewBuild extends ArtifactRef {
  type: string;
  externalId: string;
  metadata: Readonly<Record<string, string>>;
  /** ATLAS_BUILD_ID and ATLAS_COMPILE_ID of the builder; 0 outside of one. */
  buildNumber: number;
  compileNumber: number;
  publishedBy: string;
  idempotencyKey?: string | undefined;
  /** SHA-256 of the secret that allows to send the file; without it the build has no file. */
  uploadHash?: Buffer | undefined;
}

export interface PublishedBuild {
  buildId: string;
  number: number;
  /** The idempotency key had published it before. */
  replayed: boolean;
}

export interface Publisher {
  /** Allocates the next number of the artifact and stores the build; durable when it returns. */
  publish(build: NewBuild): Promise<PublishedBuild>;
}

interface Waiting {
  item: object;
  resolve(published: PublishedBuild): void;
  reject(error: unknown): void;
}

const batchSize = 64;
const batchesInFlight = 2;

/**
 * Group commit: what waits while two statements are under way goes out together as the next one, so that a lone
 * publish pays nothing and a crowd shares one flush.
 */
export function createPublisher(database: RegistryDatabase, outbox: Pick<Outbox, "wake">): Publisher {
  const waiting: Waiting[] = [];
  let inFlight = 0;

  async function drain(): Promise<void> {
    if (inFlight >= batchesInFlight) return;
    const batch = waiting.splice(0, batchSize);
    if (batch.length === 0) return;
    inFlight++;
    try {
      await publishBatch(database, batch);
      outbox.wake();
    } finally {
      inFlight--;
      void drain();
    }
  }

  return {
    publish(build) {
      const { promise, resolve, reject } = Promise.withResolvers<PublishedBuild>();
      waiting.push({ item: toItem(build), resolve, reject });
      void drain();
      return promise;
    },
  };
}

async function publishBatch(database: RegistryDatabase, batch: readonly Waiting[]): Promise<void> {
  try {
    const published = await callPublish(database, batch);
    for (const [index, { resolve }] of batch.entries()) resolve(published[index] as PublishedBuild);
  } catch (error) {
    const hopeless = batch.length === 1 || error instanceof DatabaseUnavailableError;
    if (hopeless) for (const { reject } of batch) reject(error);
    else for (const one of batch) await publishBatch(database, [one]);
  }
}

/** A build that was stored before its connection broke is answered at the second try, by its own id. */
async function callPublish(database: RegistryDatabase, batch: readonly Waiting[]): Promise<PublishedBuild[]> {
  const items = JSON.stringify(batch.map(({ item }) => item));
  return retryBroken("store the version", async () => {
    const { rows } = await database.pool.query<PublishedBuild & { ordinal: number }>({
      name: "publish_builds",
      text: `select ordinal, build_id as "buildId", version_number as "number", replayed from publish_builds($1) order by ordinal`,
      values: [items],
    });
    return rows;
  });
}

function toItem(build: NewBuild): object {
  const { namespace, name, type, externalId, buildNumber, compileNumber, publishedBy } = build;
  const metadata = deriveMetadata(type, build);
  const artifact = formatArtifact(build);
  return {
    id: uuidv7(),
    namespace,
    name,
    type,
    external_id: externalId,
    metadata,
    build_number: buildNumber,
    compile_number: compileNumber,
    published_by: publishedBy,
    idempotency_key: build.idempotencyKey ?? null,
    has_file: build.uploadHash !== undefined,
    upload_hash: build.uploadHash?.toString("hex") ?? null,
    event: encodeData("artifact.version.published", { artifact, type, externalId, metadata, publishedBy }),
  };
}
