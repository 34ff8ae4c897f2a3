import { Type } from "typebox";
import { NotFoundError } from "#core/errors.ts";
import { nullable, ref, Timestamp, wordList } from "#core/http/schemas.ts";
import { formatArtifact, type ArtifactRef } from "../artifact/artifact.ts";

export interface FileRecord {
  key: string;
  sizeBytes: number;
  sha256: string;
}

export interface BuildRecord extends ArtifactRef {
  id: string;
  number: number;
  type: string;
  externalId: string;
  metadata: Record<string, string>;
  /** ATLAS_BUILD_ID of the builder; 0 outside of one. */
  buildNumber: number;
  publishedBy: string;
  createdAt: Date;
  /** Null until the file has arrived. */
  publishedAt: Date | null;
  hasFile: boolean;
  /** Null without a file, and until it has arrived. */
  file: FileRecord | null;
}

/** A build that a look-up found. */
export type VisibleBuild = Omit<BuildRecord, "buildNumber">;

/** Which version: `acmeinc/web:7`. */
export interface VersionRef extends ArtifactRef {
  number: number;
}

export function formatVersion(version: VersionRef): string {
  return `${formatArtifact(version)}:${version.number}`;
}

export class VersionNotFoundError extends NotFoundError {
  constructor(version: VersionRef) {
    super(`Cannot read "${formatVersion(version)}": no such version`);
  }
}

export const Metadata = Type.Record(Type.String(), Type.String(), {
  description: "String to string; lists are comma-joined",
});

const FileInfo = Type.Object(
  {
    sizeBytes: Type.Integer(),
    sha256: Type.String({ description: "Hex" }),
    url: Type.String({ format: "uri", description: "Takes a token as header or as ?access_token=" }),
  },
  { $id: "FileInfo" },
);

export const BuildState = wordList(
  "BuildState",
  ["pending", "complete"],
  "A build is pending until its file has arrived, and no look-up finds it before",
);

export const Build = Type.Object(
  {
    type: Type.String(),
    state: ref(BuildState),
    externalId: Type.String({
      description: "What the builder calls its output: us-east-1:ami-1,eu-west-1:ami-2",
    }),
    metadata: Metadata,
    publishedBy: Type.String(),
    publishedAt: nullable(Timestamp),
    file: Type.Union([ref(FileInfo), Type.Null()]),
  },
  { $id: "Build", description: "One output of a version" },
);

export const Version = Type.Object(
  {
    artifact: Type.String({ description: "acmeinc/web" }),
    number: Type.Integer({ minimum: 1, description: "Dense from 1 for each artifact" }),
    createdAt: Timestamp,
    builds: Type.Array(ref(Build)),
  },
  { $id: "Version" },
);

export const versionSchemas = [FileInfo, BuildState, Build, Version];

export interface VersionRecord extends VersionRef {
  createdAt: Date;
  builds: BuildRecord[];
}

export function fileUrl(baseUrl: string, { namespace, name, number, type }: VisibleBuild): string {
  return `${baseUrl}/api/v1/artifacts/${namespace}/${name}/${type}/${number}/file`;
}

export function toVersionReply(version: VersionRecord, baseUrl: string) {
  return {
    artifact: formatArtifact(version),
    number: version.number,
    createdAt: version.createdAt.toISOString(),
    builds: version.builds.map((build) => toBuildReply(build, baseUrl)),
  };
}

function toBuildReply(build: BuildRecord, baseUrl: string) {
  const { type, externalId, metadata, publishedBy, publishedAt, file } = build;
  return {
    type,
    state: publishedAt ? ("complete" as const) : ("pending" as const),
    externalId,
    metadata,
    publishedBy,
    publishedAt: publishedAt?.toISOString() ?? null,
    file: toFileReply(build, file, baseUrl),
  };
}

export function toFileReply(build: VisibleBuild, file: FileRecord | null, baseUrl: string) {
  return file && { sizeBytes: file.sizeBytes, sha256: file.sha256, url: fileUrl(baseUrl, build) };
}
