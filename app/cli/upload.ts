import { createHash, type Hash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import { codeOf, messageOf } from "#core/errors.ts";
import type { Client } from "./client.ts";
import { FailedError, UsageError } from "./errors.ts";
import type { Progress } from "./progress.ts";

export interface OpenFile extends AsyncDisposable {
  readonly path: string;
  readonly sizeBytes: number;
  readonly handle: FileHandle;
}

/** Opens what is to be uploaded before anything is published. */
export async function openUpload(path: string): Promise<OpenFile> {
  const handle = await open(path).catch((error: unknown) => {
    const reason = codeOf(error) === "ENOENT" ? "no such file" : messageOf(error);
    throw new UsageError(`Cannot read "${path}": ${reason}`);
  });
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw new UsageError(`Cannot upload "${path}": it is not a file`);
  }
  return { path, handle, sizeBytes: stats.size, [Symbol.asyncDispose]: () => handle.close() };
}

export interface StoredFile {
  sizeBytes: number;
  sha256: string;
}

/** Sends the file in constant memory. What the server has stored is what was sent, or it throws. */
export async function sendFile(
  client: Client,
  url: string,
  { file, progress }: { file: OpenFile; progress: Progress },
): Promise<StoredFile> {
  const hash = createHash("sha256");
  const response = await client.stream("PUT", url, {
    headers: { "content-length": String(file.sizeBytes), "content-type": "application/octet-stream" },
    bytes: readPieces(file, { hash, progress }),
  });
  const stored = (await response.json()) as StoredFile;
  assertSent(file, { stored, sha256: hash.digest("hex") });
  return stored;
}

export function assertSent(
  { path }: Pick<OpenFile, "path">,
  { stored, sha256 }: { stored: StoredFile; sha256: string },
): void {
  if (stored.sha256 === sha256) return;
  throw new FailedError(
    `Cannot trust the upload of "${path}": the server stored sha256 ${stored.sha256}, sent was ${sha256}`,
  );
}

export async function hashFile(file: OpenFile): Promise<string> {
  const hash = createHash("sha256");
  for await (const _piece of readPieces(file, { hash })) continue;
  return hash.digest("hex");
}

const pieceBytes = 256 * 1024;

async function* readPieces(
  { handle, sizeBytes, path }: OpenFile,
  { hash, progress }: { hash: Hash; progress?: Progress },
): AsyncGenerator<Uint8Array> {
  let position = 0;
  while (position < sizeBytes) {
    const piece = new Uint8Array(Math.min(pieceBytes, sizeBytes - position));
    const { bytesRead } = await handle.read(piece, 0, piece.length, position);
    if (bytesRead === 0) throw new UsageError(`Cannot upload "${path}": it became shorter meanwhile`);
    const read = piece.subarray(0, bytesRead);
    hash.update(read);
    position += bytesRead;
    yield read;
    progress?.report(position);
  }
}
