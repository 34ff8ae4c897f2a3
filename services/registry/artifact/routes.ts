import { Type } from "typebox";
import { authorize, visibleNamespaces } from "#core/access.ts";
import { ConflictError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { decodeIntegerCursor, toPage } from "#core/http/cursor.ts";
import { page, PageQuery, problems, ref } from "#core/http/schemas.ts";
import type { RegistryDatabase } from "../database.ts";
import { Name } from "../namespace/namespace.ts";
import { requirePrincipal } from "../principal.ts";
import { Artifact, ArtifactNotFoundError, ArtifactType, parseType, formatArtifact } from "./artifact.ts";
import { ensureArtifact, findArtifact, listArtifacts, type ListedArtifact } from "./store.ts";

const ArtifactCreate = Type.Object(
  { namespace: Name, name: Name, description: Type.Optional(Type.String({ maxLength: 2000 })) },
  { $id: "ArtifactCreate", additionalProperties: false },
);
const ArtifactPage = page("ArtifactPage", Artifact);
const tags = ["artifacts"];

export class ArtifactExistsError extends ConflictError {
  constructor(artifact: { namespace: string; name: string }) {
    super(`Cannot create "${formatArtifact(artifact)}": it exists already`);
  }
}

export function mountArtifacts(app: HttpApp, { database }: { database: RegistryDatabase }): void {
  for (const schema of [Artifact, ArtifactCreate, ArtifactPage]) app.addSchema(schema);

  app.get(
    "/api/v2/artifacts",
    {
      schema: {
        operationId: "listArtifacts",
        summary: "List the artifacts that the caller may see, newest first",
        tags,
        querystring: Type.Object({
          ...PageQuery,
          namespace: Type.Optional(Name),
          type: Type.Optional(ArtifactType),
        }),
        response: { 200: ref(ArtifactPage), ...problems(400, 401, 422) },
      },
    },
    async (request) => {
      const visible = visibleNamespaces(requirePrincipal(request, "list artifacts"));
      const { limit = 50, after, namespace, type } = request.query;
      const rows = await listArtifacts(database.kysely, {
        visible,
        namespace,
        type: type === undefined ? undefined : parseType(type),
        after: decodeIntegerCursor(after),
        limit,
      });
      return toPage(rows, limit, { key: ({ id }) => id, item: toReply });
    },
  );

  app.post(
    "/api/v2/artifacts",
    {
      schema: {
        operationId: "createArtifact",
        summary: "Create an artifact",
        description: "Publishing a version creates a missing artifact too.",
        tags,
        body: ref(ArtifactCreate),
        response: { 201: ref(Artifact), ...problems(400, 401, 403, 404, 409, 415) },
      },
    },
    async (request, reply) => {
      const { namespace, name, description } = request.body;
      const tag = formatArtifact({ namespace, name });
      authorize(request.principal, {
        namespace,
        role: "publish",
        action: `create "${tag}"`,
        thing: `namespace "${namespace}"`,
      });
      const artifact = await ensureArtifact(database.kysely, { namespace, name, description });
      if (!artifact.created) throw new ArtifactExistsError({ namespace, name });
      return reply.code(201).send(toReply(artifact));
    },
  );

  app.get(
    "/api/v2/artifacts/:namespace/:name",
    {
      schema: {
        operationId: "getArtifact",
        summary: "Read an artifact",
        tags,
        params: Type.Object({ namespace: Name, name: Name }),
        response: { 200: ref(Artifact), ...problems(400, 401, 404) },
      },
    },
    async (request) => {
      const { namespace, name } = request.params;
      const tag = formatArtifact({ namespace, name });
      authorize(request.principal, {
        namespace,
        role: "read",
        action: `read "${tag}"`,
        thing: "such artifact",
      });
      const artifact = await findArtifact(database.kysely, { namespace, name });
      if (!artifact) throw new ArtifactNotFoundError({ namespace, name });
      return toReply(artifact);
    },
  );
}

function toReply({ namespace, name, description, latest, createdAt }: ListedArtifact) {
  return { namespace, name, description, latest, createdAt: createdAt.toISOString() };
}
