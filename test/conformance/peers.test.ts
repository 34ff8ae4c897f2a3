import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { install, PeerUnavailableError } from "../peers/install.ts";
import { holdLock } from "../peers/lock.ts";

let folder: string;
let sources: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "ingot-peers-"));
  sources = path.join(folder, "sources");
  await mkdir(sources);
  await writeFile(path.join(sources, "main.go"), "package main");
  vi.stubEnv("INGOT_PEERS", path.join(folder, "peers"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

type Build = (file: string) => Promise<void>;

function givenPeer(build = vi.fn<Build>((file: string) => writeFile(file, "the program"))) {
  return { name: "peer", version: "1.0", sources, build };
}

test("a peer that two want at once is built once", async () => {
  const peer = givenPeer();

  const [one, other] = await Promise.all([install(peer), install(peer)]);

  expect(one).toBe(other);
  expect(await readFile(one, "utf8")).toBe("the program");
  expect(peer.build).toHaveBeenCalledTimes(1);
});

test("a peer whose sources change is built again, beside the old one", async () => {
  const peer = givenPeer();
  const before = await install(peer);
  await writeFile(path.join(sources, "main.go"), "package other");

  const after = await install(peer);

  expect(after).not.toBe(before);
  expect(peer.build).toHaveBeenCalledTimes(2);
});

test("a build that fails leaves nothing behind and may be tried again", async () => {
  const failing = vi.fn<Build>(() => Promise.reject(new PeerUnavailableError("peer", '"go" cannot be run')));

  await expect(install(givenPeer(failing))).rejects.toThrow(
    'Cannot install the peer "peer": "go" cannot be run',
  );

  expect(await readdir(path.join(folder, "peers"))).toEqual([]);
  expect(await readFile(await install(givenPeer()), "utf8")).toBe("the program");
});

test("a lock of a process that is gone is taken over", async () => {
  const lock = path.join(folder, "lock");
  await writeFile(lock, String(spawnSync("true").pid));

  const held = await holdLock(lock);

  expect(await readFile(lock, "utf8")).toBe(String(process.pid));
  await held[Symbol.asyncDispose]();
});
