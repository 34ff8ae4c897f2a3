import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestSystem, type TestSystem } from "../../test/support/system.ts";
import type { Version } from "./replies.ts";
import { ingot, ingotJson, serve } from "./test-support.ts";

let system: TestSystem;
let directory: string;

beforeAll(async () => {
  system = await startTestSystem();
  directory = await mkdtemp(path.join(tmpdir(), "ingot-publish-"));
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

test("a published version prints its name, is listed and resolves", async () => {
  const publish =
    "publish acmeinc/web --type amazon.ami --id us-east-1:ami-1,eu-west-1:ami-2 --metadata git=1a2b";

  const published = await ingot(publish, { system });
  const versions = await ingot("versions acmeinc/web --metadata git=1a2b", { system });
  const resolved = await ingot("resolve acmeinc/web:latest --region eu-west-1", { system });

  expect(published).toEqual({
    exitCode: 0,
    stdout: "acmeinc/web:1\n",
    stderr: "Published amazon.ami us-east-1:ami-1,eu-west-1:ami-2 as version 1.\n",
  });
  expect(versions.stdout).toBe(
    "VERSION  TYPE          ID                               PUBLISHED  BY\n" +
      "      1  amazon.image  us-east-1:ami-1,eu-west-1:ami-2  just now   admin\n",
  );
  expect(resolved).toEqual({ exitCode: 0, stdout: "ami-2\n", stderr: "" });
});

test("an ambiguous reference is a conflict with the choices as options", async () => {
  await ingot("publish acmeinc/many --type amazon.image --id us-east-1:ami-1,eu-west-1:ami-2", { system });

  expect(await ingot("resolve acmeinc/many:latest", { system })).toEqual({
    exitCode: 6,
    stdout: "",
    stderr: [
      'ingot: Cannot resolve "acmeinc/many:latest": give a region; choose one of',
      "  --type amazon.image  --region us-east-1  ami-1",
      "  --type amazon.image  --region eu-west-1  ami-2\n",
    ].join("\n"),
  });
});

test("what is not there exits with 3, and a list of nothing with 0", async () => {
  await ingot("publish acmeinc/one --type azure.image --id web-1", { system });

  const missing = await ingot("versions acmeinc/none", { system });
  const unresolved = await ingot("resolve acmeinc/one:9", { system });
  const none = await ingot("versions acmeinc/one --type amazon.image", { system });

  expect(missing).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining("no such artifact") as string,
  });
  expect(unresolved).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining("no such version") as string,
  });
  expect(none).toEqual({ exitCode: 0, stdout: "", stderr: "No such versions.\n" });
});

test("a file is uploaded with a progress bar and arrives whole", async () => {
  const { file, bytes } = await givenFile("web.box", 3_000_000);

  const uploaded = await ingot(["publish", "acmeinc/box", "-t", "vagrant.box", "-f", file], {
    system,
    isTTY: true,
  });

  const versions = await ingotJson<Version[]>("versions acmeinc/box", { system });
  expect(uploaded).toMatchObject({ exitCode: 0, stdout: "acmeinc/box:1\n" });
  expect(uploaded.stderr).toContain("100% ████████████████████████  3.0 MB of 3.0 MB");
  expect(uploaded.stderr).toMatch(/Published vagrant\.box with a file of 3\.0 MB as version 1\.\n$/);
  expect(versions[0]?.builds[0]?.file).toMatchObject({ sizeBytes: 3_000_000, sha256: sha256(bytes) });
});

test("a missing file is wrong usage and publishes nothing", async () => {
  const args = ["publish", "acmeinc/nofile", "--type", "vagrant.box", "--file"];

  expect(await ingot([...args, "/nonexistent/web.box"], { system })).toMatchObject({
    exitCode: 2,
    stderr: 'ingot: Cannot read "/nonexistent/web.box": no such file\n',
  });
  expect(await ingot([...args, directory], { system })).toMatchObject({ exitCode: 2 });
  expect(await ingot("versions acmeinc/nofile", { system })).toMatchObject({ exitCode: 3 });
});

test("the same idempotency key publishes once", async () => {
  const command = "publish acmeinc/once --type azure.image --id web-1 --idempotency-key build-7";

  const names = [await ingot(command, { system }), await ingot(command, { system })].map(
    ({ stdout }) => stdout,
  );

  expect(names).toEqual(["acmeinc/once:1\n", "acmeinc/once:1\n"]);
});

test("a publish is repeated with its key when the server is busy", async () => {
  const keys: unknown[] = [];
  await using server = await serve((request, response) => {
    keys.push(request.headers["idempotency-key"]);
    if (keys.length < 3) response.writeHead(503).end();
    else reply(response, { version: version(null), uploadUrl: null });
  });

  const published = await ingot("publish a/b --type t", { system: server });

  expect(published).toMatchObject({ exitCode: 0, stdout: "a/b:1\n" });
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

test("an upload that breaks off is sent again, under another address", async () => {
  const { file, bytes } = await givenFile("again.box", 100_000);
  const uploads: { url: string; length: string; sha256: string }[] = [];
  let asked = 0;
  await using server = await serve(async (request, response) => {
    if (request.method === "GET") return reply(response, version(sha256(bytes)));
    if (request.method === "POST") {
      asked += 1;
      return reply(response, {
        version: version(null),
        uploadUrl: `http://${request.headers.host}/${asked}`,
      });
    }
    if (asked === 1) return void request.socket.destroy();
    const received = sha256(await buffer(request));
    uploads.push({ url: request.url ?? "", length: lengthOf(request), sha256: received });
    return reply(response, { sizeBytes: 100_000, sha256: received });
  });

  const published = await ingot(["publish", "a/b", "--type", "t", "--file", file], { system: server });

  expect(published).toMatchObject({ exitCode: 0, stdout: "a/b:1\n" });
  expect(uploads).toEqual([{ url: "/2", length: "100000", sha256: sha256(bytes) }]);
});

test("an upload whose reply is lost is not sent again", async () => {
  const { file, bytes } = await givenFile("lost.box", 100_000);
  let uploads = 0;
  await using server = await serve(async (request, response) => {
    const stored = version(sha256(bytes));
    if (request.method === "GET") return reply(response, stored);
    if (request.method === "POST") {
      const uploadUrl = uploads === 0 ? `http://${request.headers.host}/upload` : null;
      return reply(response, { version: uploads === 0 ? version(null) : stored, uploadUrl });
    }
    await buffer(request);
    uploads += 1;
    request.socket.destroy();
  });

  const published = await ingot(["publish", "a/b", "--type", "t", "--file", file], { system: server });

  expect(published).toMatchObject({ exitCode: 0, stdout: "a/b:1\n" });
  expect(uploads).toBe(1);
});

test("a server that stored other bytes is not believed", async () => {
  const { file } = await givenFile("other.box", 10);
  await using server = await serve(async (request, response) => {
    await buffer(request);
    const uploadUrl = `http://${request.headers.host}/upload`;
    reply(
      response,
      request.method === "POST"
        ? { version: version(null), uploadUrl }
        : { sizeBytes: 10, sha256: sha256(Buffer.from("other")) },
    );
  });

  const published = await ingot(["publish", "a/b", "--type", "t", "--file", file], { system: server });

  expect(published).toMatchObject({ exitCode: 1, stdout: "" });
  expect(published.stderr).toMatch(
    /^ingot: Cannot trust the upload of ".*other\.box": the server stored sha256/,
  );
});

async function givenFile(name: string, sizeBytes: number): Promise<{ file: string; bytes: Buffer }> {
  const bytes = Buffer.alloc(sizeBytes, "ingot");
  const file = path.join(directory, name);
  await writeFile(file, bytes);
  return { file, bytes };
}

function version(fileSha256: string | null): Version {
  const file = fileSha256 === null ? null : { sizeBytes: 100_000, sha256: fileSha256, url: "http://file" };
  const build = { type: "t", state: "complete" as const, externalId: "", metadata: {}, publishedBy: "ci" };
  const createdAt = new Date().toISOString();
  return { artifact: "a/b", number: 1, createdAt, builds: [{ ...build, publishedAt: null, file }] };
}

function reply(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function lengthOf({ headers }: IncomingMessage): string {
  return headers["transfer-encoding"] ?? headers["content-length"] ?? "";
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
