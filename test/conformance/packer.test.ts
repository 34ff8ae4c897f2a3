import { Buffer } from "node:buffer";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { UnavailableError } from "#core/errors.ts";
import { createLog, type Log } from "#core/log.ts";
import { buildWithPacker, type PackerOptions, type PackerOutcome } from "../peers/packer.ts";
import { packerAtlas } from "../peers/peers.ts";
import { startTestSystem, type TestSystem } from "../support/system.ts";
import { brokenBlobStore } from "./broken-blob-store.ts";
import { download, get, resolve, resolveId, search } from "./client.ts";
import { unpack } from "./tarball.ts";
import { usePeer } from "./use-peer.ts";

const packer = usePeer(packerAtlas);

function build(
  system: TestSystem,
  template: object,
  options: Partial<PackerOptions> = {},
): Promise<PackerOutcome> {
  return buildWithPacker(packer(), template, { address: system.url, token: system.token, ...options });
}

function atlas(artifact: string, artifact_type: string, options: object = {}) {
  return { type: "atlas", artifact, artifact_type, ...options };
}

function imageTemplate(artifact: string, amis: Record<string, string>, options: object = {}) {
  return {
    builders: [{ type: "ami", amis }],
    "post-processors": [atlas(artifact, "amazon.image", options)],
  };
}

function fileTemplate(artifact: string, source: string) {
  return {
    builders: [{ type: "file", source, target: `${source}.built` }],
    "post-processors": [atlas(artifact, "application.archive")],
  };
}

async function givenFolder(files: Record<string, string | Buffer>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "ingot-files-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), content);
  }
  return folder;
}

describe("a Packer with its atlas post-processor", () => {
  let system: TestSystem;
  beforeAll(async () => {
    system = await startTestSystem();
  });
  afterAll(() => system[Symbol.asyncDispose]());

  test("publishes an image of two regions", async () => {
    const amis = { "us-east-1": "ami-3a0a1d52", "us-west-1": "ami-2d509469" };

    const outcome = await build(
      system,
      imageTemplate("acmeinc/web", amis, { metadata: { commit: "8f3c1a", n: 5 } }),
    );

    expect(outcome).toMatchObject({ exitCode: 0, destroyed: [] });
    expect(outcome.output).toContain("acmeinc/web/amazon.image (v1)");
    const query = { type: "amazon.image", region: "us-west-1" };
    expect(await resolve(system, "acmeinc/web:latest", query)).toMatchObject({
      artifact: "acmeinc/web",
      version: 1,
      type: "amazon.image",
      region: "us-west-1",
      id: "ami-2d509469",
      externalId: "us-east-1:ami-3a0a1d52,us-west-1:ami-2d509469",
      metadata: {
        "region.us-east-1": "ami-3a0a1d52",
        "region.us-west-1": "ami-2d509469",
        region: "us-east-1,us-west-1",
        ami_id: "ami-3a0a1d52,ami-2d509469",
        commit: "8f3c1a",
        n: "5",
      },
      file: null,
    });
    expect(await resolveId(system, "acmeinc/web:latest", { ...query, region: "us-east-1" })).toBe(
      "ami-3a0a1d52",
    );
  });

  test("publishes one file in an archive of its own making", async () => {
    const cwd = await givenFolder({ "app.txt": "the application\n" });

    const outcome = await build(system, fileTemplate("acmeinc/app", "app.txt"), { cwd });

    expect(outcome).toMatchObject({ exitCode: 0, destroyed: [] });
    expect(await resolve(system, "acmeinc/app:latest", { type: "application.archive" })).toMatchObject({
      version: 1,
    });
    const file = await download(system, "acmeinc/app/application.archive/1");
    expect(await unpack(file)).toEqual({ "app.txt.built": "the application\n" });
  });

  test("publishes a file that is compressed already byte for byte", async () => {
    const cwd = await givenFolder({ "app.gz": gzipSync(Buffer.alloc(3_000_000, "0123456789abcdef")) });

    const outcome = await build(system, fileTemplate("acmeinc/compressed", "app.gz"), { cwd });

    expect(outcome).toMatchObject({ exitCode: 0 });
    const file = await download(system, "acmeinc/compressed/application.archive/1");
    expect(file.equals(await readFile(path.join(cwd, "app.gz")))).toBe(true);
  });

  test("publishes several files with metadata", async () => {
    const cwd = await givenFolder({ "out/a.txt": "a", "out/sub/b.txt": "b", "out/unlisted.txt": "c" });
    const metadata = { commit: "8f3c1a", created_at: "{{timestamp}}" };

    const outcome = await build(system, artificeTemplate("acmeinc/bundle", metadata), { cwd });

    expect(outcome).toMatchObject({ exitCode: 0 });
    expect(await resolve(system, "acmeinc/bundle:latest", { type: "archive" })).toMatchObject({
      version: 1,
      metadata: { commit: "8f3c1a", created_at: expect.stringMatching(/^\d{10}$/) },
    });
    const file = await download(system, "acmeinc/bundle/archive/1");
    expect(await unpack(file)).toEqual({ "a.txt": "a", "sub/b.txt": "b" });
  });

  test("publishes again as the next version", async () => {
    await build(system, imageTemplate("acmeinc/again", { "us-east-1": "ami-1" }));

    const outcome = await build(system, imageTemplate("acmeinc/again", { "us-east-1": "ami-2" }));

    expect(outcome.output).toContain("acmeinc/again/amazon.image (v2)");
    const query = { type: "amazon.image", region: "us-east-1" };
    expect(await resolveId(system, "acmeinc/again:latest", query)).toBe("ami-2");
    expect(await resolveId(system, "acmeinc/again:1", query)).toBe("ami-1");
  });

  test("publishes two builds of a template at once", async () => {
    const outcome = await build(system, twoBuildsTemplate("acmeinc/both"));

    expect(outcome).toMatchObject({ exitCode: 0, destroyed: [] });
    const versions = outcome.output.matchAll(/acmeinc\/both\/\S+ \(v(\d+)\)/g);
    expect(new Set([...versions].map(([, version]) => version))).toEqual(new Set(["1", "2"]));
  });

  test("joins the builds of one build id in one version", async () => {
    const env = { ATLAS_BUILD_ID: "33" };

    const outcome = await build(system, twoBuildsTemplate("acmeinc/joined"), { env });

    expect(outcome.output).toContain("acmeinc/joined/amazon.image (v1)");
    expect(outcome.output).toContain("acmeinc/joined/custom.image (v1)");
  });

  test("publishes with a token of that namespace alone", async () => {
    await build(system, imageTemplate("acmeinc/shared", { "us-east-1": "ami-1" }));
    const token = await system.createToken(["acmeinc:publish"]);

    const outcome = await build(system, imageTemplate("acmeinc/shared", { "us-east-1": "ami-2" }), { token });

    expect(outcome.output).toContain("acmeinc/shared/amazon.image (v2)");
  });

  test("stops before the build with a wrong token", async () => {
    const template = imageTemplate("acmeinc/refused", { "us-east-1": "ami-1" });

    const outcome = await build(system, template, { token: "wrong" });

    expect(outcome).toMatchObject({ exitCode: 1, destroyed: [] });
    expect(outcome.output).toContain("please check your ATLAS_TOKEN env: authentication failed");
    expect((await get(system, "/api/v1/artifacts/acmeinc/refused")).status).toBe(404);
  });

  test("is told nothing of a namespace that its token does not reach", async () => {
    const token = await system.createToken(["other:admin"]);

    const outcome = await build(system, imageTemplate("acmeinc/web", { "us-east-1": "ami-9" }), { token });

    expect(outcome).toMatchObject({ exitCode: 1 });
    expect(outcome.output).toContain("Error creating artifact: resource not found");
    expect(await search(system, "acmeinc/web", "amazon.image")).not.toContainEqual(
      expect.objectContaining({ id: "us-east-1:ami-9" }),
    );
  });

  test("is told which role its token lacks", async () => {
    await build(system, imageTemplate("acmeinc/readable", { "us-east-1": "ami-1" }));
    const token = await system.createToken(["acmeinc:read"]);

    const outcome = await build(system, imageTemplate("acmeinc/readable", { "us-east-1": "ami-2" }), {
      token,
    });

    expect(outcome).toMatchObject({ exitCode: 1 });
    expect(outcome.output).toMatch(/Error uploading \(0 bytes\): .*"publish"/);
  });

  test("is told which name is wrong", async () => {
    const outcome = await build(system, imageTemplate("acmeinc/no such name", { "us-east-1": "ami-1" }));

    expect(outcome).toMatchObject({ exitCode: 1 });
    expect(outcome.output).toMatch(/Error (finding|creating) artifact: .*name/);
    expect(outcome.output).not.toContain("error decoding JSON body");
  });
});

function artificeTemplate(artifact: string, metadata: Record<string, string>) {
  const artifice = { type: "artifice", files: ["out/a.txt", "out/sub/*.txt"] };
  return {
    builders: [{ type: "null", communicator: "none" }],
    "post-processors": [[artifice, atlas(artifact, "archive", { metadata })]],
  };
}

function twoBuildsTemplate(artifact: string) {
  return {
    builders: [
      { type: "ami", name: "one", amis: { "us-east-1": "ami-1" } },
      { type: "null", name: "two", communicator: "none" },
    ],
    "post-processors": [
      atlas(artifact, "amazon.image", { only: ["one"] }),
      atlas(artifact, "custom.image", { only: ["two"] }),
    ],
  };
}

describe("a Packer whose upload meets an error inside Ingot", () => {
  test.each([
    ["at once", 0],
    ["on the way", 1_000_000],
  ])(
    "shows the request id that the log explains, where storing a large file fails %s",
    async (_when, bytes) => {
      const { log, lines } = collectLog();
      const blobs = brokenBlobStore(new Error("ENOSPC: /srv/ingot is full"), bytes);
      await using system = await startTestSystem({ blobs, log });
      const cwd = await givenFolder({
        "app.gz": gzipSync(Buffer.alloc(50_000_000, "0123456789"), { level: 0 }),
      });

      const outcome = await build(system, fileTemplate("acmeinc/app", "app.gz"), { cwd });

      expect(outcome).toMatchObject({ exitCode: 1, destroyed: ["File"] });
      expect(outcome.output).toMatch(/Error uploading \(\d+ bytes\): \S.*request id \S+/);
      expect(outcome.output).not.toContain("/srv/ingot");
      expect(lines).toContainEqual(expect.stringMatching(new RegExp(`${requestIdIn(outcome)}.*ENOSPC`)));
      expect(await search(system, "acmeinc/app", "application.archive")).toEqual([]);
    },
  );

  test("shows the reason and the request id, where Ingot knows the reason", async () => {
    const blobs = brokenBlobStore(new UnavailableError("Cannot store the file: the disk is full"));
    await using system = await startTestSystem({ blobs });
    const cwd = await givenFolder({ "app.txt": "the application\n" });

    const outcome = await build(system, fileTemplate("acmeinc/app", "app.txt"), { cwd });

    expect(outcome).toMatchObject({ exitCode: 1, destroyed: ["File"] });
    expect(outcome.output).toMatch(/Error uploading \(\d+ bytes\): .*the disk is full/);
    expect(outcome.output).toMatch(/Error uploading \(\d+ bytes\): .*request id \S+/);
  });

  test("shows the request id that the log explains, where the version cannot be stored", async () => {
    const { log, lines } = collectLog();
    await using system = await startTestSystem({ log });
    await breakPublishing(system);

    const outcome = await build(system, imageTemplate("acmeinc/web", { "us-east-1": "ami-1" }));

    expect(outcome).toMatchObject({ exitCode: 1, destroyed: ["us-east-1:ami-1"] });
    expect(outcome.output).toMatch(/Error uploading \(0 bytes\): \S.*request id \S+/);
    expect(lines).toContainEqual(
      expect.stringMatching(new RegExp(`${requestIdIn(outcome)}.*publish_builds`)),
    );
    expect(await search(system, "acmeinc/web", "amazon.image")).toEqual([]);
  });
});

function collectLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const log = createLog({ level: "error", destination: { write: (line) => void lines.push(line) } });
  return { log, lines };
}

function requestIdIn({ output }: PackerOutcome): string | undefined {
  return /request id ([\w-]+)/.exec(output)?.[1];
}

/** Takes away the statement that every publish is. */
async function breakPublishing({ databaseUrl }: TestSystem): Promise<void> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query("drop function registry.publish_builds");
  await client.end();
}
