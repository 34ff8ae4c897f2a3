import { isDeepStrictEqual } from "node:util";
import { Type } from "typebox";
import { authorize } from "#core/access.ts";
import { ConflictError, InvalidError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { decodeIntegerCursor, toPage } from "#core/http/cursor.ts";
import { nullable, page, PageQuery, problems, ref } from "#core/http/schemas.ts";
import { maxVersionNumber } from "#proto/names.ts";
import { ArtifactNotFoundError, ArtifactType, parseType, formatArtifact } from "../artifact/artifact.ts";
import { findArtifact } from "../artifact/store.ts";
import type { RegistryDatabase } from "../database.ts";
import { renewUpload } from "../file/store.ts";
import { createUploadSecret, uploadUrl } from "../file/upload.ts";
import { Name } from "../namespace/namespace.ts";
import type { Publisher } from "./publish.ts";
import { findVersion, listVersions } from "./store.ts";
import { assertMetadataFits, deriveMetadata } from "./metadata.ts";
import {
  Metadata,
  toVersionReply,
  Version,
  VersionNotFoundError,
  versionSchemas,
  type VersionRecord,
} from "./version.ts";

const VersionPage = page("VersionPage", Version);
const VersionPublish = Type.Object(
  {
    type: ArtifactType,
    externalId: Type.Optional(
      Type.String({ maxLength: 65_536, description: "What the builder calls its output; may be empty" }),
    ),
    metadata: Type.Optional(Metadata),
    file: Type.Optional(
      Type.Boolean({ description: "A file follows: the version is hidden until it has arrived" }),
    ),
    buildNumber: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: "Builds with the same number, other than 0, and different types form one version",
      }),
    ),
  },
  { $id: "VersionPublish", additionalProperties: false },
);
const PublishedVersion = Type.Object(
  {
    version: ref(Version),
    uploadUrl: nullable(
      Type.String({ description: "PUT the file's bytes here, once; the path is the credential" }),
    ),
  },
  { $id: "PublishedVersion" },
);
const params = Type.Object({ namespace: Name, name: Name });
const tags = ["versions"];

export interface VersionRoutesDeps {
  database: RegistryDatabase;
  publisher: Publisher;
  baseUrl(request: { protocol: string; host: string }): string;
}

export function mountVersions(app: HttpApp, { database, publisher, baseUrl }: VersionRoutesDeps): void {
  for (const schema of [...versionSchemas, VersionPage, VersionPublish, PublishedVersion])
    app.addSchema(schema);

  app.get(
    "/api/v2/artifacts/:namespace/:name/versions",
    {
      schema: {
        operationId: "listVersions",
        summary: "List the versions of an artifact, newest first",
        tags,
        params,
        querystring: Type.Object({
          ...PageQuery,
          type: Type.Optional(ArtifactType),
          metadata: Type.Optional(
            Type.Array(Type.String({ maxLength: 1000 }), {
              maxItems: 20,
              description: "KEY=VALUE, repeatable",
            }),
          ),
        }),
        response: { 200: ref(VersionPage), ...problems(400, 401, 404, 422) },
      },
    },
    async (request) => {
      const { namespace, name } = request.params;
      const action = `list the versions of "${formatArtifact(request.params)}"`;
      authorize(request.principal, { namespace, role: "read", action, thing: "such artifact" });
      if (!(await findArtifact(database.kysely, { namespace, name }))) {
        throw new ArtifactNotFoundError({ namespace, name }, "list the versions of");
      }
      const { limit = 50, after, type, metadata = [] } = request.query;
      const versions = await listVersions(database.kysely, {
        namespace,
        name,
        type: type === undefined ? undefined : parseType(type),
        metadata: metadata.map(readPair),
        after: decodeIntegerCursor(after, { max: maxVersionNumber }),
        limit,
      });
      const url = baseUrl(request);
      return toPage(versions, limit, {
        key: ({ number }) => number,
        item: (each) => toVersionReply(each, url),
      });
    },
  );

  app.post(
    "/api/v2/artifacts/:namespace/:name/versions",
    {
      schema: {
        operationId: "publishVersion",
        summary: "Publish a version",
        description: "Creates a missing artifact. The same Idempotency-Key publishes once.",
        tags,
        params,
        headers: Type.Object({
          "idempotency-key": Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
        }),
        body: ref(VersionPublish),
        response: { 201: ref(PublishedVersion), ...problems(400, 401, 403, 404, 409, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { namespace, name } = request.params;
      const action = `publish "${formatArtifact(request.params)}"`;
      authorize(request.principal, { namespace, role: "publish", action, thing: `namespace "${namespace}"` });
      const { externalId = "", metadata = {}, file = false, buildNumber = 0 } = request.body;
      const type = parseType(request.body.type);
      assertMetadataFits(metadata);
      const upload = file ? createUploadSecret() : undefined;
      const { number, buildId, replayed } = await publisher.publish({
        namespace,
        name,
        type,
        externalId,
        metadata,
        buildNumber,
        compileNumber: 0,
        publishedBy: request.principal.name,
        idempotencyKey: request.headers["idempotency-key"],
        uploadHash: upload?.hash,
      });
      const version = await findVersion(database.kysely, { namespace, name, number });
      if (!version) throw new VersionNotFoundError({ namespace, name, number });
      if (replayed) assertSame(version, { buildId, type, externalId, metadata, file, buildNumber });
      const url = baseUrl(request);
      const awaited =
        upload && (!replayed || (await renewUpload(database.kysely, { buildId, uploadHash: upload.hash })));
      return reply.code(201).send({
        version: toVersionReply(version, url),
        uploadUrl: awaited ? uploadUrl(url, upload.secret) : null,
      });
    },
  );

  app.get(
    "/api/v2/artifacts/:namespace/:name/versions/:number",
    {
      schema: {
        operationId: "getVersion",
        summary: "Read a version",
        tags,
        params: Type.Object({
          namespace: Name,
          name: Name,
          number: Type.Integer({ minimum: 1, maximum: maxVersionNumber }),
        }),
        response: { 200: ref(Version), ...problems(400, 401, 404) },
      },
    },
    async (request) => {
      const { namespace, name, number } = request.params;
      const action = `read "${formatArtifact(request.params)}:${number}"`;
      authorize(request.principal, { namespace, role: "read", action, thing: "such version" });
      const version = await findVersion(database.kysely, { namespace, name, number });
      if (!version) throw new VersionNotFoundError({ namespace, name, number });
      return toVersionReply(version, baseUrl(request));
    },
  );
}

function readPair(pair: string): [string, string] {
  const equals = pair.indexOf("=");
  if (equals < 1) throw new InvalidError(`Cannot filter by metadata "${pair}": expected KEY=VALUE`);
  return [pair.slice(0, equals), pair.slice(equals + 1)];
}

interface Asked {
  buildId: string;
  type: string;
  externalId: string;
  metadata: Readonly<Record<string, string>>;
  file: boolean;
  buildNumber: number;
}

export class IdempotencyKeyReusedError extends ConflictError {
  constructor({ type, externalId }: Asked, { number }: VersionRecord) {
    super(
      `Cannot publish "${externalId}" of type "${type}": its Idempotency-Key published version ${number} with other contents`,
    );
  }
}

function assertSame(version: VersionRecord, asked: Asked): void {
  const { type, externalId, file, buildNumber } = asked;
  const same = version.builds.some(
    (build) =>
      build.id === asked.buildId &&
      build.type === type &&
      build.externalId === externalId &&
      build.hasFile === file &&
      build.buildNumber === buildNumber &&
      isDeepStrictEqual(build.metadata, deriveMetadata(type, asked)),
  );
  if (!same) throw new IdempotencyKeyReusedError(asked, version);
}
