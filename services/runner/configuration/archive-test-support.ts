import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack, type Header } from "tar-stream";

export type Item = Partial<Header> & { name: string; content?: string };

export async function givenTar(items: readonly Item[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = "", ...header } of items) archive.entry(header, content);
  archive.finalize();
  return buffer(Readable.from(archive));
}

export async function givenArchive(items: readonly Item[]): Promise<Readable> {
  return Readable.from([gzipSync(await givenTar(items))]);
}

export async function givenDirectory(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "ingot-archive-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** All files below a directory: path → content. */
export async function readTree(directory: string): Promise<Record<string, string>> {
  const items = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = items.filter((item) => item.isFile()).map((item) => join(item.parentPath, item.name));
  const texts = await Promise.all(
    files.map(async (file) => [file.slice(directory.length + 1), await readFile(file, "utf8")]),
  );
  return Object.fromEntries(texts) as Record<string, string>;
}
