import { regionalIds } from "../version/metadata.ts";
import type { BuildRecord } from "../version/version.ts";

/** Where one image of a build is: its id, and its region where the id names one. */
export interface Location {
  region: string | null;
  id: string;
}

export function locationsOf({ externalId }: Pick<BuildRecord, "externalId">): Location[] {
  return regionalIds(externalId) ?? [{ region: null, id: externalId }];
}
