import { Type } from "typebox";
import { Timestamp } from "#core/http/schemas.ts";

/** An environment's interest in the versions that a channel of an artifact points to. */
export interface SubscriptionRecord {
  id: number;
  /** `acmeinc/prod` */
  environment: string;
  /** `acmeinc/web` */
  artifact: string;
  /** `latest`, or a channel. */
  channel: string;
  /** Artifact type; empty for any. */
  type: string;
  /** `input:web_ami` */
  source: string;
  /** When it was declared: it concerns what is published from then on. */
  since: Date;
}

export const Subscription = Type.Object(
  {
    id: Type.Integer(),
    environment: Type.String(),
    artifact: Type.String(),
    channel: Type.String({ description: "latest, or a channel" }),
    type: Type.String({ description: "Artifact type; empty for any" }),
    source: Type.String({ description: "What declared it: input:web_ami" }),
    since: Timestamp,
  },
  { $id: "Subscription", description: "An environment's interest in the versions of an artifact" },
);

/** A number pins the version: nothing that is published later concerns the environment. */
export function follows(version: string): boolean {
  return !/^\d+$/.test(version);
}
