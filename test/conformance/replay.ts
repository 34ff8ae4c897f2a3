import { Buffer } from "node:buffer";
import { expect } from "vitest";
import type { TestSystem } from "../support/system.ts";
import { callOf, canonicalType, targetOf } from "./atlas-calls.ts";
import { bodyOf, goodToken, recordedHosts, type Exchange, type Fixture } from "./atlas-fixtures.ts";
import { ArtifactReply, CreatedVersion, expectShape, SearchReply } from "./atlas-replies.ts";
import { get } from "./client.ts";
import { expectFound, expectLogin, expectOutcome, expectReadable, jsonOf } from "./expectations.ts";
import { givenWorldOf } from "./given.ts";
import { sendRaw, type RawReply, type RawRequest } from "./raw-http.ts";

export interface ReplayOptions {
  /** Takes the place of `acme`; as long as that, since requests say the length of their body. */
  namespace: string;
  /** Stands before the path of every call, as with the address `http://…/api/v1`. */
  pathPrefix?: string;
  /** The stand-in server answered what Ingot never does, so only the requests count. */
  oddReplies?: boolean;
}

/** What a client has done so far. */
interface Session {
  system: TestSystem;
  pathPrefix: string;
  oddReplies: boolean;
  /** How many versions of each artifact it has published. */
  published: Map<string, number>;
  /** The version whose file it sends next. */
  upload?: Upload;
}

interface Upload {
  url: URL;
  /** `acme/web/amazon.image` */
  target: string;
  version: number;
}

/** Sends the requests of a fixture one after the other, and expects of each reply what the client needs. */
export async function replay(
  system: TestSystem,
  fixture: Fixture,
  { namespace, pathPrefix = "", oddReplies = false }: ReplayOptions,
): Promise<{ statuses: number[] }> {
  const renamed = rename(fixture, namespace);
  await givenWorldOf(system, renamed);
  const session: Session = { system, pathPrefix, oddReplies, published: new Map() };
  const statuses: number[] = [];
  for (const exchange of renamed.exchanges) {
    const reply = await send(session, exchange);
    statuses.push(reply.status);
  }
  return { statuses };
}

function rename(fixture: Fixture, namespace: string): Fixture {
  return JSON.parse(JSON.stringify(fixture).replaceAll(/\bacme\b/g, namespace)) as Fixture;
}

async function send(session: Session, exchange: Exchange): Promise<RawReply> {
  if (callOf(exchange.request.line) === "put") expect(await findUpload(session)).toEqual([]);
  const reply = await sendRaw(new URL(session.system.url), requestOf(session, exchange));
  expectReadable(reply);
  if (callOf(exchange.request.line) === "login") expectLogin(reply);
  else expectOutcome(reply, exchange, session);
  if (reply.status < 300) await expectAccepted(session, exchange, reply);
  return reply;
}

/** The request with this system's address, token and upload path in the place of the recorded ones. */
function requestOf(session: Session, { request }: Exchange): RawRequest {
  const { token } = session.system;
  return {
    line: lineOf(session, request.line).replace(goodToken, encodeURIComponent(token)),
    headers: request.headers.map((header) => withHost(header, session).replace(goodToken, token)),
    body: bodyOf(request),
  };
}

function lineOf(session: Session, line: string): string {
  if (callOf(line) === "put") return `PUT ${uploadOf(session).url.pathname} HTTP/1.1`;
  return line.replace(" /", ` ${session.pathPrefix}/`);
}

function withHost(header: string, { system }: Session): string {
  const recorded = recordedHosts.find((host) => header === `Host: ${host}`);
  return recorded ? `Host: ${recorded.split(":")[0]}:${new URL(system.url).port}` : header;
}

async function expectAccepted(session: Session, exchange: Exchange, reply: RawReply): Promise<void> {
  const recorded = session.oddReplies ? {} : (exchange.response.json as object);
  const call = callOf(exchange.request.line);
  switch (call) {
    case "verify":
    case "login":
      return;
    case "artifact":
    case "create":
      expect(expectShape(ArtifactReply, jsonOf(reply))).toMatchObject(recorded);
      return;
    case "version":
      return expectCreated(session, exchange, reply);
    case "put":
      return expectStored(session, exchange);
    case "search":
      expectFound(reply, exchange, recorded);
  }
}

/** The reply describes what was sent, under the next number of the artifact. */
function expectCreated(session: Session, exchange: Exchange, reply: RawReply): void {
  const created = expectShape(CreatedVersion, jsonOf(reply));
  const { id, file, metadata } = sentVersion(exchange);
  const { username, name, type } = targetOf(exchange.request.line);
  const [tag, artifact_type] = [`${username}/${name}`, canonicalType(type)];
  const version = (session.published.get(tag) ?? 0) + 1;
  session.published.set(tag, version);
  const slug = `${tag}/${artifact_type}/${version}`;
  const described = { username, name, tag, slug, artifact_type, version, id, file, metadata: metadata ?? {} };
  expect(created).toMatchObject(described);
  if (!file) return;
  const url = new URL(created.upload_path ?? "");
  const [host] = requestOf(session, exchange).headers;
  expect({ host: `Host: ${url.host}`, search: url.search }).toEqual({ host, search: "" });
  session.upload = { url, target: `${tag}/${type}`, version };
}

/** The version is found from now on, and its file is what was sent, by each address that clients know. */
async function expectStored(session: Session, { request }: Exchange): Promise<void> {
  const { target, version } = uploadOf(session);
  expect(await findUpload(session)).toMatchObject([{ version, file: true }]);
  for (const file of [`${version}/file`, "latest/file", "file"]) {
    const reply = await get(session.system, `/api/v1/artifacts/${target}/${file}`);
    const bytes = Buffer.from(await reply.arrayBuffer());
    expect({ file, bytes: bytes.toString("base64") }).toEqual({
      file,
      bytes: bodyOf(request).toString("base64"),
    });
  }
}

async function findUpload(session: Session): Promise<unknown[]> {
  const { target, version } = uploadOf(session);
  const reply = await get(session.system, `/api/v1/artifacts/${target}/search?version=${version}`);
  return expectShape(SearchReply, await reply.json()).versions;
}

function uploadOf({ upload }: Session): Upload {
  if (!upload) throw new Error("Cannot send a file: no version with an upload path was created");
  return upload;
}

function sentVersion({ request }: Exchange) {
  const body = JSON.parse(request.text ?? "") as {
    artifact_version: { id: string; file: boolean; metadata: Record<string, string> | null };
  };
  return body.artifact_version;
}
