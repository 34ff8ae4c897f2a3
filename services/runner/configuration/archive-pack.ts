import { createReadStream, type Dirent } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack, type Pack } from "tar-stream";
import { codeOf } from "#core/errors.ts";
import { NoConfigurationError, UnpackableFileError } from "./archive-errors.ts";
import { parseIgnoreRules, type IgnoreRules } from "./archive-ignore.ts";
import { isWorkingData } from "./archive-path.ts";

type Tree = { root: string; isIgnored: IgnoreRules };

/**
 * A configuration as tar.gz, the same bytes for the same files. Left out are `.terraform/`, `.git/`, state and
 * plan files, and what `.terraformignore` names. A link is followed to what it names inside the directory. The
 * stream fails with `NoConfigurationError` or `UnpackableFileError`.
 */
export function packDirectory(directory: string): Readable {
  const output = new PassThrough();
  const archive = pack();
  writeTree(directory, archive).catch((error: unknown) => archive.destroy(error as Error));
  pipeline(archive, createGzip(), output).catch((error: unknown) => output.destroy(error as Error));
  return output;
}

async function writeTree(directory: string, archive: Pack): Promise<void> {
  const names = await readdir(directory);
  if (!names.some((name) => /\.(tf|tofu)(\.json)?$/.test(name))) throw new NoConfigurationError(directory);
  const tree = { root: await realpath(directory), isIgnored: await readIgnoreRules(directory) };
  for await (const path of listFiles(tree, "", [tree.root])) await writeFile(archive, tree, path);
  archive.finalize();
}

async function readIgnoreRules(directory: string): Promise<IgnoreRules> {
  try {
    return parseIgnoreRules(await readFile(join(directory, ".terraformignore"), "utf8"));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return () => false;
    throw error;
  }
}

/** Paths below the root, in order. `above` holds the real folders on the way, in which a link must not end again. */
async function* listFiles(tree: Tree, folder: string, above: readonly string[]): AsyncGenerator<string> {
  for (const item of await readSorted(join(tree.root, folder))) {
    const path = folder === "" ? item.name : `${folder}/${item.name}`;
    // A line further down can keep something inside an ignored folder.
    if (isLeftOut(item.name) || (tree.isIgnored(path) && !item.isDirectory())) continue;
    const real = await followInside(tree.root, path);
    if (above.includes(real)) throw new UnpackableFileError(path, "the link leads back to a folder above it");
    if ((await stat(real)).isDirectory()) yield* listFiles(tree, path, [...above, real]);
    else yield path;
  }
}

async function readSorted(folder: string): Promise<Dirent[]> {
  const items = await readdir(folder, { withFileTypes: true });
  return items.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isLeftOut(name: string): boolean {
  return isWorkingData([name]) || name === ".git" || name.endsWith(".tfplan");
}

async function followInside(root: string, path: string): Promise<string> {
  const real = await realpath(join(root, path)).catch((error: unknown) => {
    throw new UnpackableFileError(path, "the link cannot be followed", { cause: error });
  });
  if (real === root || real.startsWith(join(root, sep))) return real;
  throw new UnpackableFileError(path, "the link leads out of the directory");
}

async function writeFile(archive: Pack, { root }: Tree, path: string): Promise<void> {
  const source = join(root, path);
  const stats = await stat(source);
  if (!stats.isFile()) throw new UnpackableFileError(path, "it is not a file or a folder");
  const mode = (stats.mode & 0o111) !== 0 ? 0o755 : 0o644;
  const entry = archive.entry({ name: path, size: stats.size, mode, mtime: new Date(0) });
  await pipeline(createReadStream(source), entry);
}
