import type { Static } from "typebox";
import type { Namespace as NamespaceSchema } from "#registry/namespace/namespace.ts";
import type { Build as BuildSchema, Version as VersionSchema } from "#registry/version/version.ts";
import type { Environment as EnvironmentSchema } from "#runner/environment/environment.ts";
import type { Input as InputSchema } from "#runner/input/input.ts";
import type { Run as RunSchema } from "#runner/run/reply.ts";
import type { Variable as VariableSchema } from "#runner/variable/variable.ts";

// The API's own schemas, as types: no code of the services is loaded.
export type { PlanDiff, PlanSummary, ResourceDiff } from "#runner/terraform/plan-diff.ts";
export type { AttributeChange } from "#runner/terraform/plan-attributes.ts";
export type Namespace = Static<typeof NamespaceSchema>;
export type Build = Static<typeof BuildSchema>;
export type Version = Static<typeof VersionSchema>;
export type Environment = Static<typeof EnvironmentSchema>;
export type Input = Static<typeof InputSchema>;
export type Variable = Static<typeof VariableSchema>;
export type Run = Static<typeof RunSchema>;

export interface PublishedVersion {
  version: Version;
  uploadUrl: string | null;
}

export interface Configuration {
  number: number;
  sizeBytes: number;
  sha256: string;
  files: number;
  uploadedBy: string;
  createdAt: string;
}

export interface Token {
  id: string;
  name: string;
  scopes: string[];
  createdBy: string;
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
}

export interface Readiness {
  ready: boolean;
  checks: { name: string; ok: boolean; critical: boolean; detail: string }[];
}
