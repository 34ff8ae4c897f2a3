import type { Buffer } from "node:buffer";

/** What the state uses of the registry, as `run.applied` reports it. */
export interface StateReference {
  /** `acmeinc/web` */
  artifact: string;
  /** `latest`, a channel, or a number. */
  version: string;
  /** Artifact type. */
  type: string;
  region: string;
  /** The resource's address: `data.atlas_artifact.web`. */
  from: string;
}

/** State format 4, as Terraform and OpenTofu write it; no more of it than this is read. */
interface StateFile {
  resources?: {
    module?: string;
    mode?: string;
    type?: string;
    name?: string;
    instances?: { index_key?: string | number; attributes?: Record<string, unknown> | null }[];
  }[];
}

/** The `atlas_artifact` resources and data sources of a state. Throws on a body that is no state. */
export function readReferences(body: Buffer): StateReference[] {
  const { resources = [] } = JSON.parse(body.toString()) as StateFile;
  return resources
    .filter(({ type }) => type === "atlas_artifact")
    .flatMap(({ module, mode, name, instances = [] }) => {
      const address = [module, mode === "data" && "data", "atlas_artifact", name].filter(Boolean).join(".");
      return instances.flatMap(({ index_key: key, attributes }) => {
        const from = key === undefined ? address : `${address}[${JSON.stringify(key)}]`;
        return readReference(attributes ?? {}, from) ?? [];
      });
    });
}

function readReference(attributes: Record<string, unknown>, from: string): StateReference | undefined {
  const artifact = textOf(attributes["name"]);
  if (!/^[^/]+\/[^/]+$/.test(artifact)) return undefined;
  const version = textOf(attributes["version"]) || textOf(attributes["channel"]) || "latest";
  return { artifact, version, type: textOf(attributes["type"]), region: "", from };
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
