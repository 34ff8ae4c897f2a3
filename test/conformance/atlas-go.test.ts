import { Buffer } from "node:buffer";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAtlasGo, type AtlasGoOptions } from "../peers/atlas-go.ts";
import { atlasGo } from "../peers/peers.ts";
import { startTestSystem, type TestSystem } from "../support/system.ts";
import { download, post } from "./client.ts";
import { usePeer } from "./use-peer.ts";

const driver = usePeer(atlasGo);

let system: TestSystem;
let folder: string;

beforeAll(async () => {
  system = await startTestSystem();
  folder = await mkdtemp(path.join(tmpdir(), "ingot-atlas-go-"));
});
afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function call(args: string[], options: Partial<AtlasGoOptions> = {}) {
  return callAtlasGo(driver(), args, { address: system.url, token: system.token, ...options });
}

describe("verify", () => {
  test("accepts a token", async () => {
    expect(await call(["verify"])).toEqual({ result: null });
  });

  test("refuses a wrong token, and none", async () => {
    const outcomes = await Promise.all([
      call(["verify"], { token: "wrong" }),
      call(["verify"], { token: "" }),
    ]);

    expect(outcomes).toEqual([{ error: "authentication failed" }, { error: "authentication failed" }]);
  });

  test("works with the address that ends in /api/v1", async () => {
    expect(await call(["verify"], { address: `${system.url}/api/v1` })).toEqual({ result: null });
  });
});

test("a login with a password is refused, for there are none", async () => {
  expect(await call(["login", "sammy", "pw"])).toEqual({ error: "authentication failed" });
});

describe("artifact and create", () => {
  test("an artifact that nobody created is not found", async () => {
    expect(await call(["artifact", "acmeinc/unknown"])).toEqual({ error: "resource not found" });
  });

  test("a created artifact is found, and may be created again", async () => {
    const artifact = { username: "acmeinc", name: "created", Tag: "acmeinc/created" };

    expect(await call(["create", "acmeinc/created"])).toEqual({ result: artifact });
    expect(await call(["create", "acmeinc/created"])).toEqual({ result: artifact });
    expect(await call(["artifact", "acmeinc/created"])).toEqual({ result: artifact });
  });

  test("a bad name is refused with the rule it breaks", async () => {
    const outcome = await call(["create", "acmeinc/no such name"]);

    expect(outcome).toEqual({ error: expect.stringMatching(/no such name/) });
  });

  test("a namespace out of the token's reach is not found", async () => {
    const token = await system.createToken(["other:admin"]);

    expect(await call(["create", "acmeinc/hidden"], { token })).toEqual({ error: "resource not found" });
  });
});

describe("upload", () => {
  test("a version without a file is there at once", async () => {
    const id = "us-east-1:ami-3a0a1d52,us-west-1:ami-2d509469";
    const options = ["-id", id, "-metadata", "commit=8f3c1a", "-build-id", "33", "-compile-id", "7"];

    const outcome = await call(["upload", ...options, "acmeinc/image", "amazon.image"]);

    expect(outcome).toMatchObject({
      result: {
        username: "acmeinc",
        name: "image",
        Tag: "acmeinc/image",
        artifact_type: "amazon.image",
        id,
        version: 1,
        metadata: { commit: "8f3c1a" },
        file: false,
        slug: "acmeinc/image/amazon.image/1",
        upload_path: "",
        upload_token: "",
      },
    });
    expect(await call(["search", "-version", "latest", "acmeinc/image", "amazon.image"])).toMatchObject({
      result: [{ version: 1, id }],
    });
  });

  test.each([
    ["of a known size", []],
    ["in chunks of unknown size", ["-sizeless"]],
  ])("a file %s arrives byte for byte", async (_what, options) => {
    const artifact = `acmeinc/file${options.join("")}`;
    const bytes = Buffer.alloc(5_000_000, "0123456789abcdef");
    const file = path.join(folder, "file");
    await writeFile(file, bytes);

    const outcome = await call(["upload", "-file", file, ...options, artifact, "archive"]);

    expect(outcome).toMatchObject({ result: { version: 1, file: true } });
    expect((await download(system, `${artifact}/archive/1`)).equals(bytes)).toBe(true);
  });

  test("an empty file is a file", async () => {
    const file = path.join(folder, "empty");
    await writeFile(file, "");

    expect(await call(["upload", "-file", file, "acmeinc/empty", "archive"])).toMatchObject({
      result: { version: 1 },
    });
    expect(await download(system, "acmeinc/empty/archive/1")).toHaveLength(0);
  });

  test("a wrong token uploads nothing", async () => {
    const outcome = await call(["upload", "acmeinc/image", "qemu.image"], { token: "wrong" });

    expect(outcome).toEqual({ error: "authentication failed" });
    expect(await call(["search", "acmeinc/image", "qemu.image"])).toEqual({ result: [] });
  });
});

describe("search", () => {
  const artifact = ["acmeinc/searched", "amazon.image"];

  beforeAll(async () => {
    const publish = (id: string, build_id: number, metadata: Record<string, string>) =>
      post(system, `/api/v1/artifacts/${artifact.join("/")}`, {
        artifact_version: { id, build_id, compile_id: 0, file: false, metadata },
      });
    await publish("us-east-1:ami-1", 10, { arch: "386" });
    await publish("us-east-1:ami-2,eu-west-1:ami-2e", 11, { arch: "amd64", empty: "" });
    await publish("us-east-1:ami-3", 12, { arch: "386" });
  });

  test.each<[what: string, options: string[], found: number[]]>([
    ["nothing but the type, newest first", [], [3, 2, 1]],
    ["the latest version", ["-version", "latest"], [3]],
    ["any version", ["-version", "any"], [3]],
    ["a version by number", ["-version", "1"], [1]],
    ["a version that is not there", ["-version", "99"], []],
    ["the latest build", ["-build", "latest"], [3]],
    ["any build", ["-build", "any"], [3]],
    ["a build by number", ["-build", "11"], [2]],
    ["a build and its version", ["-build", "11", "-version", "2"], [2]],
    ["a value in any version", ["-version", "any", "-metadata", "arch=amd64"], [2]],
    ["a value that the latest version has not", ["-version", "latest", "-metadata", "arch=amd64"], []],
    ["a key of any value", ["-version", "any", "-metadata", "empty"], [2]],
    ["an empty value", ["-version", "any", "-metadata", "empty="], [2]],
    ["an empty value where there is another", ["-version", "any", "-metadata", "arch="], []],
    ["several keys at once", ["-version", "any", "-metadata", "arch=amd64", "-metadata", "empty"], [2]],
    ["a member of a list", ["-version", "any", "-metadata", "region=eu-west-1"], [2]],
    ["a whole list", ["-version", "any", "-metadata", "region=us-east-1,eu-west-1"], [2]],
  ])("finds by %s", async (_what, options, found) => {
    const outcome = await call(["search", ...options, ...artifact]);

    expect(outcome).toMatchObject({
      result: found.map((version) => ({ version, file: false, upload_path: "" })),
    });
  });

  test("finds by a key and a value of odd characters", async () => {
    await call(["upload", "-metadata", "k y&%=v l+é/", "acmeinc/odd", "custom.image"]);

    const outcome = await call([
      "search",
      "-version",
      "any",
      "-metadata",
      "k y&%=v l+é/",
      "acmeinc/odd",
      "custom.image",
    ]);

    expect(outcome).toMatchObject({ result: [{ version: 1, metadata: { "k y&%": "v l+é/" } }] });
  });

  test("finds nothing of a type or an artifact that is not there", async () => {
    expect(await call(["search", "-version", "latest", "acmeinc/searched", "nope"])).toEqual({ result: [] });
    expect(await call(["search", "-version", "latest", "acmeinc/nobody", "nope"])).toEqual({ result: [] });
  });
});

test("a file's address is null without a file, and serves the bytes with one", async () => {
  const file = path.join(folder, "bytes");
  await writeFile(file, "the bytes");
  await call(["upload", "acmeinc/addressed", "archive"]);
  await call(["upload", "-file", file, "acmeinc/addressed", "archive"]);

  const outcome = await call(["file-url", "acmeinc/addressed", "archive"]);

  const address = `${system.url}/api/v1/artifacts/acmeinc/addressed/archive/2/file`;
  expect(outcome).toEqual({ result: [address, null] });
  const reply = await fetch(`${address}?access_token=${encodeURIComponent(system.token)}`);
  expect(await reply.text()).toBe("the bytes");
});
