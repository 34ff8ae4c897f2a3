import { createHash } from "node:crypto";
import { Type } from "typebox";
import { authorize } from "#core/access.ts";
import { NotFoundError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { matchesEtag } from "#core/http/etag.ts";
import { noContent, nullable, problems, ref, Timestamp } from "#core/http/schemas.ts";
import { ArtifactType, parseType, formatArtifact } from "../artifact/artifact.ts";
import type { RegistryDatabase } from "../database.ts";
import { Name } from "../namespace/namespace.ts";
import { Metadata, toFileReply } from "../version/version.ts";
import { parseReference } from "./reference.ts";
import { chooseLocation, type Answer } from "./resolve.ts";
import { findReferencedBuilds } from "./store.ts";

const Resolution = Type.Object(
  {
    artifact: Type.String({ description: "acmeinc/web" }),
    version: Type.Integer({ minimum: 1 }),
    type: Type.String(),
    region: nullable(Type.String()),
    id: Type.String({ description: "The image: ami-3a0a1d52" }),
    externalId: Type.String({ description: "What the builder called its output, with every region" }),
    metadata: Metadata,
    file: Type.Union([Type.Unsafe<object>({ $ref: "FileInfo#" }), Type.Null()]),
    publishedBy: Type.String(),
    publishedAt: nullable(Timestamp),
  },
  { $id: "Resolution" },
);

export interface ResolveDeps {
  database: RegistryDatabase;
  baseUrl(request: { protocol: string; host: string }): string;
}

export function mountResolve(app: HttpApp, { database, baseUrl }: ResolveDeps): void {
  app.addSchema(Resolution);
  app.get(
    "/api/v2/resolve/:namespace/:reference",
    {
      schema: {
        operationId: "resolveReference",
        summary: "Resolve acmeinc/web:latest to one image",
        description:
          "Answers JSON, or with Accept: text/plain the id alone. 404 when nothing matches; 409 with the choices when more than one does.",
        tags: ["resolve"],
        params: Type.Object({
          namespace: Name,
          reference: Type.String({
            maxLength: 110,
            description: "NAME:VERSION; latest, a channel or a number",
          }),
        }),
        querystring: Type.Object({
          type: Type.Optional(ArtifactType),
          region: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
        }),
        response: {
          200: {
            description: "The one image that matches",
            content: {
              "application/json": { schema: ref(Resolution) },
              "text/plain": { schema: Type.String() },
            },
          },
          304: noContent,
          ...problems(400, 401, 404, 409, 422),
        },
      },
    },
    async (request, reply) => {
      const { namespace } = request.params;
      const text = `${namespace}/${request.params.reference}`;
      authorize(request.principal, {
        namespace,
        role: "read",
        action: `resolve "${text}"`,
        thing: "such artifact",
      });
      const { version, ...artifact } = parseReference(text);
      if (typeof version === "object") throw new NotFoundError(`Cannot resolve "${text}": no such channel`);
      const type = request.query.type === undefined ? undefined : parseType(request.query.type);
      const builds = await findReferencedBuilds(database, { ...artifact, version, type });
      const answer = chooseLocation({ reference: text, type, region: request.query.region }, builds);
      const plain = prefersPlainText(request.headers.accept);
      const body = plain ? answer.location.id : JSON.stringify(toReply(answer, baseUrl(request)));
      const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 27)}"`;
      reply
        .header("etag", etag)
        .header("vary", "Accept, Authorization, X-Atlas-Token")
        .header("cache-control", "private, no-cache");
      if (matchesEtag(request.headers["if-none-match"], etag)) return reply.code(304).send(null);
      return reply.type(plain ? "text/plain; charset=utf-8" : "application/json; charset=utf-8").send(body);
    },
  );
}

/** `curl` and browsers accept anything and get JSON; plain text has to be asked for. */
function prefersPlainText(accept = ""): boolean {
  const [first = ""] = accept.split(/[,;]/);
  return first.trim().toLowerCase() === "text/plain";
}

function toReply({ build, location }: Answer, url: string) {
  return {
    artifact: formatArtifact(build),
    version: build.number,
    type: build.type,
    region: location.region,
    id: location.id,
    externalId: build.externalId,
    metadata: build.metadata,
    file: toFileReply(build, build.file, url),
    publishedBy: build.publishedBy,
    publishedAt: build.publishedAt?.toISOString() ?? null,
  };
}
