import { mkdtemp, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import type { BlobStore } from "#core/blob/blob-store.ts";
import { refuseConflicts } from "../terraform/run-files.ts";
import { ArchiveTooLargeError, NotAConfigurationError } from "./archive-errors.ts";
import { extractArchive, type Extracted } from "./archive.ts";

const maxBytes = 256 * 1024 * 1024;
const directoryPrefix = "upload-";
const configurationFile = /\.(tf|tofu)(\.json)?$/;

/** The archive as it comes, up to 256 MiB. */
export function limitUpload(archive: AsyncIterable<Buffer>): Readable {
  return Readable.from(limited(archive), { objectMode: false });
}

async function* limited(archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of archive) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new ArchiveTooLargeError(`${maxBytes} bytes`);
    yield chunk;
  }
}

/** Unpacks an archive once: what no run could unpack or plan is refused when it is uploaded. */
export async function tryConfiguration(
  blobs: BlobStore,
  { blobKey, workDir }: { blobKey: string; workDir: string },
): Promise<Extracted> {
  const directory = await mkdtemp(path.join(workDir, directoryPrefix));
  try {
    const extracted = await extractArchive(await blobs.get(blobKey), directory);
    const files = await readdir(directory);
    if (!files.some((file) => configurationFile.test(file))) throw new NotAConfigurationError(files);
    refuseConflicts(files);
    return extracted;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Removes what uploads left behind when their process was killed. */
export async function removeUploads(workDir: string): Promise<void> {
  const left = (await readdir(workDir)).filter((name) => name.startsWith(directoryPrefix));
  for (const name of left) await rm(path.join(workDir, name), { recursive: true, force: true });
}
