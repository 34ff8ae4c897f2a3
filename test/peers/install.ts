import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { codeOf } from "#core/errors.ts";
import { holdLock } from "./lock.ts";

/** A foreign program that a test wants is not here and cannot be had. */
export class PeerUnavailableError extends Error {
  override readonly name = "PeerUnavailableError";
  constructor(peer: string, reason: string, options?: ErrorOptions) {
    super(`Cannot install the peer "${peer}": ${reason}`, options);
  }
}

export interface Peer {
  name: string;
  version: string;
  /** The folder of ours that it is built from: another content is another installation. */
  sources: string;
  /** Writes the executable. */
  build(file: string): Promise<void>;
}

/** Where peers are kept between test runs: `INGOT_PEERS`, by default in the user's cache directory. */
export function peersDirectory(): string {
  const caches = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
  return path.resolve(process.env["INGOT_PEERS"] ?? path.join(caches, "ingot-peers"));
}

/** The path of the peer's executable, which is built first when it is missing: whole or not at all, by one process. */
export async function install(peer: Peer): Promise<string> {
  const directory = peersDirectory();
  const home = path.join(directory, `${peer.name}-${peer.version}-${await keyOf(peer)}`);
  const file = path.join(home, peer.name);
  if (await exists(file)) return file;
  await mkdir(directory, { recursive: true });
  await using _lock = await holdLock(`${home}.lock`);
  if (!(await exists(file))) await buildInto(home, peer);
  return file;
}

async function buildInto(home: string, peer: Peer): Promise<void> {
  const unfinished = await mkdtemp(`${home}.tmp-`);
  try {
    await peer.build(path.join(unfinished, peer.name));
    await rename(unfinished, home);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (!(await exists(path.join(home, peer.name)))) throw error;
  }
}

async function keyOf(peer: Peer): Promise<string> {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}`);
  for (const name of (await readdir(peer.sources)).toSorted()) {
    hash.update(`\0${name}\0`).update(await readFile(path.join(peer.sources, name)));
  }
  return hash.digest("hex").slice(0, 12);
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
