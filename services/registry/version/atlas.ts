import { Buffer } from "node:buffer";
import { authorize, type Principal } from "#core/access.ts";
import { InvalidError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { parseType, formatArtifact } from "../artifact/artifact.ts";
import type { RegistryDatabase } from "../database.ts";
import { createUploadSecret, uploadUrl } from "../file/upload.ts";
import { assertName } from "../namespace/namespace.ts";
import { deriveMetadata, readMetadata } from "./metadata.ts";
import type { Publisher } from "./publish.ts";
import { readSearch, searchBuilds } from "./search.ts";
import type { BuildRecord } from "./version.ts";

interface BuildParams {
  namespace: string;
  name: string;
  type: string;
}

export interface AtlasVersionDeps {
  database: RegistryDatabase;
  publisher: Publisher;
  /** The address under which the caller reaches us. */
  baseUrl(request: { protocol: string; host: string }): string;
}

/** The Atlas calls on versions: publish one, and search. */
export function mountAtlasVersions(app: HttpApp, { database, publisher, baseUrl }: AtlasVersionDeps): void {
  app.post<{ Params: BuildParams; Body: unknown }>(
    "/api/v1/artifacts/:namespace/:name/:type",
    async (request) => {
      const { namespace, name } = request.params;
      const action = `publish "${formatArtifact(request.params)}"`;
      const thing = `namespace "${namespace}"`;
      authorize(request.principal, { namespace, role: "publish", action, thing });
      assertName("namespace", namespace);
      assertName("artifact", name);
      const type = parseType(request.params.type);
      const wanted = readArtifactVersion(request.body);
      const upload = wanted.file ? createUploadSecret() : undefined;
      const { number } = await publisher.publish({
        ...wanted,
        namespace,
        name,
        type,
        publishedBy: request.principal.name,
        uploadHash: upload?.hash,
      });
      const metadata = deriveMetadata(type, wanted);
      const version = {
        namespace,
        name,
        type,
        externalId: wanted.externalId,
        number,
        metadata,
        hasFile: wanted.file,
      };
      if (!upload) return toAtlas(version);
      return {
        ...toAtlas(version),
        upload_path: uploadUrl(baseUrl(request), upload.secret),
        upload_token: upload.secret,
      };
    },
  );

  app.get<{ Params: BuildParams; Querystring: Record<string, unknown> }>(
    "/api/v1/artifacts/:namespace/:name/:type/search",
    async (request) => {
      const { namespace, name } = request.params;
      assertMaySearch(request.principal, request.params);
      const type = parseType(request.params.type);
      const builds = await searchBuilds(database.kysely, {
        namespace,
        name,
        type,
        ...readSearch(request.query),
      });
      return { versions: builds.map(toAtlas) };
    },
  );
}

function assertMaySearch(principal: Principal | undefined, params: BuildParams): void {
  const { namespace } = params;
  const action = `search "${formatArtifact(params)}"`;
  authorize(principal, { namespace, role: "read", action, thing: "such artifact" });
}

type AtlasBuild = Pick<
  BuildRecord,
  "namespace" | "name" | "type" | "externalId" | "number" | "metadata" | "hasFile"
>;

function toAtlas({ namespace, name, type, externalId, number, metadata, hasFile }: AtlasBuild) {
  const tag = `${namespace}/${name}`;
  return {
    username: namespace,
    name,
    tag,
    slug: `${tag}/${type}/${number}`,
    artifact_type: type,
    id: externalId,
    version: number,
    metadata,
    file: hasFile,
  };
}

interface ArtifactVersion {
  externalId: string;
  file: boolean;
  metadata: Record<string, string>;
  buildNumber: number;
  compileNumber: number;
}

const externalIdLimitBytes = 64 * 1024;

/** The reply of Atlas is strict, its requests are not: what a client leaves out has a default, and a form has texts. */
function readArtifactVersion(body: unknown): ArtifactVersion {
  const { artifact_version: version } = (body ?? {}) as { artifact_version?: Record<string, unknown> };
  if (typeof version !== "object" || version === null) {
    throw new InvalidError(`Cannot publish: expected {"artifact_version":{…}}`);
  }
  const id = version["id"] ?? "";
  if (typeof id !== "string" || Buffer.byteLength(id) > externalIdLimitBytes) {
    throw new InvalidError(
      `Cannot publish: artifact_version.id is no string of at most ${externalIdLimitBytes} bytes`,
    );
  }
  return {
    externalId: id,
    file: readFile(version["file"]),
    metadata: readMetadata(version["metadata"]),
    buildNumber: readNumber(version, "build_id"),
    compileNumber: readNumber(version, "compile_id"),
  };
}

function readFile(value: unknown): boolean {
  if (value === true || value === "true" || value === "1") return true;
  if (value === false || value === "false" || value === "0" || value === null || value === undefined)
    return false;
  throw new InvalidError(
    `Cannot publish: artifact_version.file is ${JSON.stringify(value)}, expected true or false`,
  );
}

function readNumber(version: Record<string, unknown>, member: string): number {
  const given = version[member] ?? 0;
  const value = typeof given === "string" && /^-?\d{1,16}$/.test(given) ? Number(given) : given;
  if (Number.isSafeInteger(value)) return value as number;
  throw new InvalidError(
    `Cannot publish: artifact_version.${member} is ${JSON.stringify(given)}, expected an integer below 2^53`,
  );
}
