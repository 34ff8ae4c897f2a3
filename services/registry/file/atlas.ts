import type { FastifyReply, FastifyRequest } from "fastify";
import { authorize } from "#core/access.ts";
import { InvalidError, NotFoundError } from "#core/errors.ts";
import { useRenderer, type HttpApp } from "#core/http/app.ts";
import { detachBody } from "#core/http/drain.ts";
import { matchesEtag } from "#core/http/etag.ts";
import { renderErrorList, type Renderer } from "#core/http/render.ts";
import { parseType } from "../artifact/artifact.ts";
import { renderForPacker } from "../atlas/render.ts";
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
  app.register(async (uploads) => {
    useRenderer(uploads, renderForSender);
    mountUpload(uploads, deps);
  });
  app.register(async (downloads) => {
    useRenderer(downloads, renderErrorList);
    for (const version of ["", "/:version"]) {
      downloads.route<{ Params: FileParams }>({
        // Fastify's own HEAD of a GET route would read the file to answer without it.
        method: ["GET", "HEAD"],
        exposeHeadRoute: false,
        url: `/api/v1/artifacts/:namespace/:name/:type${version}/file`,
        handler: (request, reply) => sendFile(deps, request, reply),
      });
    }
  });
}

/** Packer never sends a file twice, so the one who does is told by the status. */
const renderForSender: Renderer = (failure) =>
  failure.status === 409 ? renderErrorList(failure) : renderForPacker(failure);

function mountUpload(app: HttpApp, deps: UploadDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.put<{ Params: { secret: string } }>("/api/v1/uploads/:secret", async (request) => {
    const bytes = detachBody(request.raw);
    const { sizeBytes, sha256 } = await receiveFile(deps, { secret: request.params.secret, bytes });
    return { sizeBytes, sha256 };
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
  const type = parseType(request.params.type);
  const build = await findBuildWithFile(database.kysely, { namespace, name, type, number });
  if (!build?.file) throw new FileNotFoundError(request.params);
  const { key, sizeBytes, sha256 } = build.file;
  const etag = `"${sha256}"`;
  const disposition = `attachment; filename="${name}-${build.number}"`;
  const headers = { etag, "accept-ranges": "bytes", "content-disposition": disposition };
  if (matchesEtag(request.headers["if-none-match"], etag)) return reply.headers(headers).code(304).send();
  const range = readRange(request, { etag, sizeBytes });
  if (range === "unsatisfiable") {
    return reply.headers(headers).code(416).header("content-range", `bytes */${sizeBytes}`).send();
  }
  const { start, end } = range ?? { start: 0, end: sizeBytes - 1 };
  const empty = request.method === "HEAD" || sizeBytes === 0;
  // Opened before any header is set, so that a blob that is not there is answered as a failure.
  const bytes = empty ? "" : await blobs.get(key, range);
  reply.headers({ ...headers, "content-length": end - start + 1 }).type("application/octet-stream");
  if (range) reply.code(206).header("content-range", `bytes ${start}-${end}/${sizeBytes}`);
  return reply.send(bytes);
}

function readVersion(version: string): number | "latest" {
  if (version === "latest") return "latest";
  if (!/^\d{1,9}$/.test(version)) {
    throw new InvalidError(`Cannot download the file of version "${version}": expected latest or a number`);
  }
  return Number(version);
}

/** One range of RFC 9110 §14; a header of another kind, or of another state of the file, is ignored as it says there. */
function readRange(
  { method, headers }: Pick<FastifyRequest, "method" | "headers">,
  { etag, sizeBytes }: { etag: string; sizeBytes: number },
): { start: number; end: number } | "unsatisfiable" | undefined {
  const condition = headers["if-range"];
  if (method !== "GET" || (condition !== undefined && condition !== etag)) return undefined;
  const match = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const last = sizeBytes - 1;
  const span =
    match[1] === ""
      ? { start: Math.max(0, sizeBytes - Number(match[2])), end: last }
      : { start: Number(match[1]), end: match[2] === "" ? last : Math.min(last, Number(match[2])) };
  return span.start > span.end || span.start > last ? "unsatisfiable" : span;
}
