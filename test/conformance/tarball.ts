import type { Buffer } from "node:buffer";
import { text } from "node:stream/consumers";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";

/** The files of a tar.gz: name → content. */
export async function unpack(archive: Buffer): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const entry of Readable.from([archive]).pipe(createGunzip()).pipe(extract())) {
    if (entry.header.type === "file") files[entry.header.name] = await text(entry);
    else entry.resume();
  }
  return files;
}
