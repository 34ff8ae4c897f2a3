import { createGzip } from "node:zlib";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";

/** A tar.gz of the files. */
export async function packFiles(files: Readonly<Record<string, string>>): Promise<Uint8Array<ArrayBuffer>> {
  const tar = pack();
  for (const [name, text] of Object.entries(files)) tar.entry({ name }, text);
  tar.finalize();
  return new Uint8Array(await buffer(tar.pipe(createGzip())));
}
