import { copyFile, open, stat, truncate } from "node:fs/promises";

export interface LogFile extends AsyncDisposable {
  readonly fd: number;
  /** What has been written since the last call. */
  readNew(): Promise<string>;
}

const rotateEveryMs = 10 * 60_000;

/**
 * An append-only file that others write to. It is moved to PATH.1 when it exceeds `maxBytes` (default 1 MiB), by
 * copying and truncating because the writers keep it open; lines of that very moment may be lost.
 */
export async function openLogFile(path: string, { maxBytes = 1 << 20 } = {}): Promise<LogFile> {
  await rotate(path, maxBytes);
  const file = await open(path, "a+", 0o600);
  const timer = setInterval(() => void rotate(path, maxBytes).catch(() => undefined), rotateEveryMs);
  timer.unref();
  let read = (await file.stat()).size;
  return {
    fd: file.fd,
    async readNew() {
      const length = Math.max((await file.stat()).size - read, 0);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, read);
      read += length;
      return buffer.toString("utf8");
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await file.close();
    },
  };
}

async function rotate(path: string, maxBytes: number): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size <= maxBytes) return;
  await copyFile(path, `${path}.1`);
  await truncate(path);
}
