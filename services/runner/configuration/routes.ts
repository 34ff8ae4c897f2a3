import type { Readable } from "node:stream";
import { Type } from "typebox";
import type { BlobStore } from "#core/blob/blob-store.ts";
import type { HttpApp } from "#core/http/app.ts";
import { decodeIntegerCursor, toPage } from "#core/http/cursor.ts";
import { uuidv7 } from "#core/id.ts";
import { page, PageQuery, problems, ref, Timestamp } from "#core/http/schemas.ts";
import { authorizeEnvironment } from "../access.ts";
import type { RunnerDatabase } from "../database.ts";
import { environmentParams } from "../environment/environment.ts";
import { getEnvironment } from "../environment/store.ts";
import { insertConfiguration, listConfigurations, type ConfigurationRecord } from "./store.ts";
import { limitUpload, tryConfiguration } from "./upload.ts";

const Configuration = Type.Object(
  {
    number: Type.Integer({ minimum: 1, description: "Dense from 1 for each environment" }),
    sizeBytes: Type.Integer({ description: "Of the archive" }),
    sha256: Type.String({ description: "Of the archive, hex" }),
    files: Type.Integer(),
    uploadedBy: Type.String(),
    createdAt: Timestamp,
  },
  { $id: "Configuration", description: "A version of the environment's Terraform configuration" },
);
/** Bytes: no type, so that a stream passes. */
const Archive = Type.Unsafe<Readable>({ contentMediaType: "application/gzip" });
const ConfigurationPage = page("ConfigurationPage", Configuration);
const url = "/api/v2/environments/:namespace/:name/configurations";
const tags = ["configurations"];

export interface ConfigurationRoutesDeps {
  database: RunnerDatabase;
  blobs: BlobStore;
  /** Where an upload is unpacked once to see that it can be. */
  workDir: string;
}

export function mountConfigurations(
  app: HttpApp,
  { database, blobs, workDir }: ConfigurationRoutesDeps,
): void {
  app.addSchema(Configuration);
  app.addSchema(ConfigurationPage);

  app.get(
    url,
    {
      schema: {
        operationId: "listConfigurations",
        summary: "List the configuration versions of an environment, newest first",
        tags,
        params: environmentParams,
        querystring: Type.Object(PageQuery),
        response: { 200: ref(ConfigurationPage), ...problems(400, 401, 404, 422) },
      },
    },
    async (request) => {
      const action = "list the configurations of";
      authorizeEnvironment(request.principal, { environment: request.params, role: "read", action });
      const { id } = await getEnvironment(database.kysely, request.params, action);
      const { limit = 50, after } = request.query;
      const rows = await listConfigurations(database.kysely, id, {
        after: decodeIntegerCursor(after, { max: 2_147_483_647 }),
        limit,
      });
      return toPage(rows, limit, { key: ({ number }) => number, item: toReply });
    },
  );

  app.register(async (uploads: HttpApp) => {
    uploads.removeAllContentTypeParsers();
    uploads.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    uploads.post(
      url,
      {
        schema: {
          operationId: "uploadConfiguration",
          summary: "Upload a configuration version: a tar.gz of a directory with *.tf files",
          tags,
          params: environmentParams,
          body: { content: { "application/gzip": { schema: Archive } } },
          response: { 201: ref(Configuration), ...problems(400, 401, 403, 404, 413, 422) },
        },
      },
      async (request, reply) => {
        const action = "upload a configuration to";
        authorizeEnvironment(request.principal, { environment: request.params, role: "operate", action });
        const { id } = await getEnvironment(database.kysely, request.params, action);
        const blobKey = `configurations/${id}/${uuidv7()}`;
        const archive = limitUpload((request.body ?? request.raw) as Readable);
        const { sizeBytes, sha256 } = await blobs.put(blobKey, archive);
        const configuration = { blobKey, sizeBytes, sha256, uploadedBy: request.principal.name };
        try {
          const { files } = await tryConfiguration(blobs, { blobKey, workDir });
          const stored = await database.kysely
            .transaction()
            .execute((trx) => insertConfiguration(trx, id, { ...configuration, files }));
          return await reply.code(201).send(toReply(stored));
        } catch (error) {
          await blobs.delete(blobKey);
          throw error;
        }
      },
    );
  });
}

function toReply({ number, sizeBytes, sha256, files, uploadedBy, createdAt }: ConfigurationRecord) {
  return { number, sizeBytes, sha256, files, uploadedBy, createdAt: createdAt.toISOString() };
}
