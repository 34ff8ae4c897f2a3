import { lstat, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "#core/errors.ts";
import { UnsafeArchiveError } from "./archive-errors.ts";

/** Writes below one directory and never through a link, neither one of the archive's nor one that was there. */
export class ArchiveTarget {
  readonly written = { files: 0, bytes: 0 };
  readonly #root: string;
  readonly #folders = new Set<string>();
  readonly #files = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  async makeDirectory(segments: readonly string[]): Promise<void> {
    for (const depth of segments.keys()) await this.#makeFolder(segments.slice(0, depth + 1).join("/"));
  }

  async writeFile(
    segments: readonly string[],
    content: AsyncIterable<Buffer>,
    { isExecutable }: { isExecutable: boolean },
  ): Promise<void> {
    await this.makeDirectory(segments.slice(0, -1));
    const name = segments.join("/");
    await this.#makeRoom(name);
    // "x" neither replaces a file nor follows a link.
    await using file = await open(join(this.#root, name), "wx", isExecutable ? 0o755 : 0o644);
    for await (const chunk of content) {
      await file.writeFile(chunk);
      this.written.bytes += chunk.length;
    }
    this.#files.add(name);
    this.written.files++;
  }

  async #makeFolder(name: string): Promise<void> {
    if (this.#folders.has(name)) return;
    const path = join(this.#root, name);
    try {
      await mkdir(path, 0o755);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      if (!(await lstat(path)).isDirectory()) throw new UnsafeArchiveError(name, "it is a folder and a file");
    }
    this.#folders.add(name);
  }

  async #makeRoom(name: string): Promise<void> {
    if (this.#folders.has(name)) throw new UnsafeArchiveError(name, "it is a folder and a file");
    if (!this.#files.delete(name)) return;
    const path = join(this.#root, name);
    this.written.bytes -= (await lstat(path)).size;
    this.written.files--;
    await rm(path);
  }
}
