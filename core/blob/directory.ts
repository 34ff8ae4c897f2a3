import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import type { Buffer } from "node:buffer";
import { codeOf } from "../errors.ts";
import { BlobMissingError, type BlobInfo, type BlobStore, type ByteRange } from "./blob-store.ts";

const writeChunkBytes = 1024 * 1024;
const readChunkBytes = 256 * 1024;
const temporaryName = "tmp";
const staleAfterMs = 24 * 60 * 60 * 1000;

export interface DirectoryBlobStoreOptions {
  /** The caller keeps every other process out of the directory: what is unfinished is left over from a crash. */
  isAlone?: boolean;
}

/**
 * Blobs as files of a directory: written under a temporary name, synced, then renamed. Several processes may have the
 * directory open, unless one is alone; temporary files that nobody has written to for a day are left over from a crash
 * and removed.
 */
export async function openDirectoryBlobStore(
  directory: string,
  { isAlone = false }: DirectoryBlobStoreOptions = {},
): Promise<BlobStore> {
  const temporary = path.join(directory, temporaryName);
  if (isAlone) await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  await removeStale(temporary);
  const fileOf = (key: string) => path.join(directory, ...safeSegments(key));
  return {
    async put(key, bytes) {
      const file = fileOf(key);
      const unfinished = path.join(temporary, randomUUID());
      try {
        const info = await write(unfinished, bytes);
        await makeDurableDirectory(path.dirname(file));
        await rename(unfinished, file);
        await syncDirectory(path.dirname(file));
        return info;
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    },
    get: (key, range) => read(fileOf(key), key, range),
    async delete(key) {
      await rm(fileOf(key), { force: true });
    },
  };
}

/** The key breaks the rule that keeps every blob inside the directory and away from the unfinished ones. */
export class BlobKeyInvalidError extends Error {
  override readonly name = "BlobKeyInvalidError";
  constructor(key: string) {
    super(
      `Cannot use the blob key "${key}": expected segments of letters, digits, ".", "_" and "-", the first not "${temporaryName}"`,
    );
  }
}

function safeSegments(key: string): string[] {
  const segments = key.split("/");
  const safe = segments.every((segment) => /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(segment));
  if (!safe || segments[0] === temporaryName) throw new BlobKeyInvalidError(key);
  return segments;
}

async function removeStale(temporary: string): Promise<void> {
  for (const name of await readdir(temporary)) {
    const file = path.join(temporary, name);
    // Another process may finish or remove the file meanwhile.
    const found = await stat(file).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > staleAfterMs) await rm(file, { force: true });
  }
}

/** A new directory is durable when the directory that names it is synced, and so on upwards. */
async function makeDurableDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    await syncDirectory(path.dirname(made));
  }
}

/** Collects the small chunks of a socket into large writes, and writes one while the next is hashed. */
async function write(file: string, bytes: Readable): Promise<BlobInfo> {
  const hash = createHash("sha256");
  const handle = await open(file, "wx", 0o600);
  let sizeBytes = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async () => {
    await writing;
    writing = pending.length === 0 ? Promise.resolve() : writeAll(handle, pending);
    writing.catch(() => undefined);
    pending = [];
    pendingBytes = 0;
  };
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      pending.push(chunk);
      pendingBytes += chunk.length;
      if (pendingBytes >= writeChunkBytes) await flush();
    }
    await flush();
    await writing;
    await handle.sync();
  } finally {
    await writing.catch(() => undefined);
    await handle.close();
  }
  return { sizeBytes, sha256: hash.digest("hex") };
}

async function writeAll(handle: FileHandle, chunks: Buffer[]): Promise<void> {
  let rest = chunks;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest);
    rest = dropBytes(rest, bytesWritten);
  }
}

function dropBytes(chunks: Buffer[], count: number): Buffer[] {
  let left = count;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return [];
}

async function read(file: string, key: string, range?: ByteRange): Promise<Readable> {
  try {
    const handle = await open(file, "r");
    return handle.createReadStream({ highWaterMark: readChunkBytes, ...range });
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw new BlobMissingError(key, { cause: error });
    throw error;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
