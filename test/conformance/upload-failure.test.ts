import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { startTestSystem } from "../support/system.ts";
import { ErrorsReply, expectShape } from "./atlas-replies.ts";
import { brokenBlobStore } from "./broken-blob-store.ts";
import { post } from "./client.ts";
import { jsonOf } from "./expectations.ts";
import { sendRaw } from "./raw-http.ts";

/** Go may miss a reply that comes, with the end of the connection, while it still sends. */
test.each([
  ["at once", 0],
  ["on the way", 1_000_000],
])("a client reads the reason after its whole file, where storing fails %s", async (_when, bytes) => {
  await using system = await startTestSystem({ blobs: brokenBlobStore(new Error("ENOSPC"), bytes) });
  const version = { id: "", file: true, metadata: null, build_id: 0, compile_id: 0 };
  const created = await post(system, "/api/v1/artifacts/acmeinc/app/archive", { artifact_version: version });
  const { upload_path } = (await created.json()) as { upload_path: string };
  const { host, pathname } = new URL(upload_path);
  const body = Buffer.alloc(50_000_000);
  const headers = [`Host: ${host}`, `Content-Length: ${body.length}`, "Connection: close"];

  const put = { line: `PUT ${pathname} HTTP/1.1`, headers, body };
  const reply = await sendRaw(new URL(system.url), put, { bodyFirst: true });

  expect(reply.status).toBe(422);
  expect(expectShape(ErrorsReply, jsonOf(reply)).errors.join()).toMatch(/request id \S+/);
});
