import { expect } from "vitest";
import { callOf, canonicalType, targetOf } from "./atlas-calls.ts";
import type { Exchange } from "./atlas-fixtures.ts";
import { ErrorsReply, expectShape, LoginReply, SearchReply } from "./atlas-replies.ts";
import type { RawReply } from "./raw-http.ts";

export function jsonOf(reply: RawReply): unknown {
  expect(reply.headers.get("content-type")).toMatch(/^application\/json\b/);
  return JSON.parse(reply.body.toString());
}

/**
 * No reply is a redirect, which clients follow wrongly, or a 403, 409, 429 or 5xx, whose reason they do not show;
 * the two whose body they read say why.
 */
export function expectReadable(reply: RawReply): void {
  const readable = [200, 201, 202, 204, 400, 401, 404, 422].includes(reply.status);
  expect({ readable, ...pictureOf(reply) }).toMatchObject({ readable: true });
  if (reply.status === 400 || reply.status === 422) expectShape(ErrorsReply, jsonOf(reply));
}

/** A recorded failure that a rule of the server made stays one; a failure injected by the stand-in does not. */
export function expectOutcome(
  reply: RawReply,
  exchange: Exchange,
  { oddReplies }: { oddReplies: boolean },
): void {
  const { status } = exchange.response;
  const absent = callOf(exchange.request.line) === "artifact" && status === 404;
  const refused = status >= 300 && (absent || !oddReplies);
  const expected = refused ? { status } : { success: true };
  expect({ success: reply.status < 300, ...pictureOf(reply) }).toMatchObject(expected);
}

/** There are no passwords, so a client may be told that its login is none. */
export function expectLogin(reply: RawReply): void {
  expect([200, 401]).toContain(reply.status);
  if (reply.status === 200) expectShape(LoginReply, jsonOf(reply));
}

/** Terraform fails on more than one version, so what names a version or a build finds at most one. */
export function expectFound(reply: RawReply, { request }: Exchange, recorded: object): void {
  const { versions } = expectShape(SearchReply, jsonOf(reply));
  if (/[?&](version|build)=/.test(request.line)) expect(versions.length).toBeLessThanOrEqual(1);
  expect({ versions: versions.map((found) => spelledAsAsked(found, request.line)) }).toMatchObject(recorded);
}

function spelledAsAsked(found: SearchReply["versions"][number], line: string) {
  const { type } = targetOf(line);
  const { artifact_type, tag, version } = found;
  if (artifact_type === type || artifact_type !== canonicalType(type)) return found;
  return { ...found, artifact_type: type, slug: `${tag}/${type}/${version}` };
}

function pictureOf(reply: RawReply) {
  return { status: reply.status, body: reply.body.toString() };
}
