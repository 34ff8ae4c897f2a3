import { regionalIds } from "../version/metadata.ts";
import type { BuildRecord } from "../version/version.ts";

/** Where one image of a build is: its id, and its region where the id names one. */
export interface Location {
  region: string | null;
  id: string;
}

/** Types whose builders write `REGION:ID,…`. Others write `sha256:…`, `name:tag` or a URL, which only look like it. */
const regionalTypes: readonly string[] = ["amazon.image", "alicloud.image", "scaleway.image"];

export function locationsOf({ type, externalId }: Pick<BuildRecord, "type" | "externalId">): Location[] {
  const regional = regionalTypes.includes(type) ? regionalIds(externalId) : undefined;
  return regional ?? [{ region: null, id: externalId }];
}
