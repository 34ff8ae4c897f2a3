import type { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { authorize } from "#core/access.ts";
import { InvalidError, NotFoundError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { canonicalType } from "../artifact/artifact.ts";
import { findBuildWithFile } from "./store.ts";
import { receiveFile, type UploadDeps } from "./upload.ts";

interface FileParams {
  namespace: string;
  name: string;
  type: string;
  /** A number or `latest`; absent in the address that Terraform's provider constructs. */
  version?: string;
}

export class FileNotFoundError extends NotFoundError {
  constructor({ namespace, name, type, version = "latest" }: FileParams) {
    super(`Cannot download the file of "${namespace}/${name}:${version}" (${type}): no such file`);
  }
}

/** The file's bytes go in under a secret address and come out under the artifact's. */
export function mountAtlasFiles(app: HttpApp, deps: UploadDeps): void {
  mountUpload(app, deps);
  const download = (request: FastifyRequest<{ Params: FileParams }>, reply: FastifyReply) =>
    sendFile(deps, request, reply);
  app.get<{ Params: FileParams }>("/api/v1/artifacts/:namespace/:name/:type/file", download);
  app.get<{ Params: FileParams }>("/api/v1/artifacts/:namespace/:name/:type/:version/file", download);
}

function mountUpload(app: HttpApp, deps: UploadDeps): void {
  app.register(async (uploads) => {
    uploads.removeAllContentTypeParsers();
    uploads.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    uploads.put<{ Params: { secret: string }; Body: Readable | undefined }>(
      "/api/v1/uploads/:secret",
      async (request) => {
        const bytes = request.body ?? request.raw;
        const { sizeBytes, sha256 } = await receiveFile(deps, { secret: request.params.secret, bytes });
        return { sizeBytes, sha256 };
      },
    );
  });
}

async function sendFile(
  { database, blobs }: UploadDeps,
  request: FastifyRequest<{ Params: FileParams }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { namespace, name, version = "latest" } = request.params;
  const action = `download the file of "${namespace}/${name}:${version}"`;
  authorize(request.principal, { namespace, role: "read", action, thing: "such file" });
  const number = readVersion(version);
  const type = canonicalType(request.params.type);
  const build = await findBuildWithFile(database.kysely, { namespace, name, type, number });
  if (!build?.file) throw new FileNotFoundError(request.params);
  const { key, sizeBytes, sha256 } = build.file;
  const etag = `"${sha256}"`;
  reply.header("etag", etag).header("accept-ranges", "bytes").type("application/octet-stream");
  reply.header("content-disposition", `attachment; filename="${name}-${build.number}"`);
  if (request.headers["if-none-match"] === etag) return reply.code(304).send();
  const range = readRange(request.headers.range, sizeBytes);
  if (range === "unsatisfiable") {
    return reply.code(416).header("content-range", `bytes */${sizeBytes}`).send();
  }
  const span = range ?? { start: 0, end: sizeBytes - 1 };
  reply.header("content-length", span.end - span.start + 1);
  if (range) reply.code(206).header("content-range", `bytes ${span.start}-${span.end}/${sizeBytes}`);
  if (request.method === "HEAD" || sizeBytes === 0) return reply.send("");
  return reply.send(await blobs.get(key, range));
}

function readVersion(version: string): number | "latest" {
  if (version === "latest") return "latest";
  if (!/^\d{1,9}$/.test(version)) {
    throw new InvalidError(`Cannot download the file of version "${version}": expected latest or a number`);
  }
  return Number(version);
}

/** One range of RFC 9110 §14; a header of another kind is ignored, as it says there. */
function readRange(
  header: string | undefined,
  sizeBytes: number,
): { start: number; end: number } | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const last = sizeBytes - 1;
  const span =
    match[1] === ""
      ? { start: Math.max(0, sizeBytes - Number(match[2])), end: last }
      : { start: Number(match[1]), end: match[2] === "" ? last : Math.min(last, Number(match[2])) };
  return span.start > span.end || span.start > last ? "unsatisfiable" : span;
}
