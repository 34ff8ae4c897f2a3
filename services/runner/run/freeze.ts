import { Buffer } from "node:buffer";
import type { SecretBox } from "#core/secret-box.ts";
import type { RunnerDatabase } from "../database.ts";
import { InputUnresolvedError, type Resolver } from "../input/resolver.ts";
import type { InputRecord, ResolvedInput } from "../input/input.ts";
import { listInputs } from "../input/store.ts";
import { listVariables } from "../variable/store.ts";
import { openVariable, type PlainVariable } from "../variable/variable.ts";
import type { RunRecord } from "./run.ts";
import { findLastAppliedInputs } from "./store.ts";

/** Resolves every input of the environment, beside what the last applied run had. */
export async function resolveInputs(
  { database, resolver }: { database: RunnerDatabase; resolver: Resolver },
  { run, token }: { run: RunRecord; token: string },
): Promise<ResolvedInput[]> {
  const inputs = await listInputs(database.kysely, run.environmentId);
  const applied = await findLastAppliedInputs(database.kysely, run.environmentId);
  return Promise.all(inputs.map((input) => resolveInput(resolver, { input, applied, token })));
}

async function resolveInput(
  resolver: Resolver,
  { input, applied, token }: { input: InputRecord; applied: readonly ResolvedInput[]; token: string },
): Promise<ResolvedInput> {
  const { variable, reference, type, region } = input;
  try {
    const resolved = await resolver.resolve({ reference, type, region }, token);
    const before = applied.find((other) => other.variable === variable);
    const previous = before ? { version: before.version, id: before.id } : null;
    return { variable, reference, ...resolved, region: resolved.region ?? "", previous };
  } catch (error) {
    throw new InputUnresolvedError(variable, reference, { cause: error });
  }
}

/** What was frozen must still be what the registry answers for that very version. */
export async function recheckInputs(
  resolver: Resolver,
  { run, token }: { run: RunRecord; token: string },
): Promise<void> {
  for (const { variable, artifact, version, type, region, id } of run.inputs) {
    const reference = `${artifact}:${version}`;
    const now = await resolver.resolve({ reference, type, region }, token).catch((error: unknown) => {
      throw new InputUnresolvedError(variable, reference, { cause: error });
    });
    if (now.id === id) continue;
    throw new InputUnresolvedError(variable, reference, {
      cause: new Error(`it was "${id}" when the plan was made and is "${now.id}" now`),
    });
  }
}

/** The environment's variables as they are now, in clear. */
export async function readVariables(
  { database, box }: { database: RunnerDatabase; box: SecretBox },
  environmentId: number,
): Promise<PlainVariable[]> {
  const records = await listVariables(database.kysely, environmentId);
  return records.map((record) => openVariable(box, environmentId, record));
}

/** An input is a Terraform variable of the run, and wins over a variable of the same name. */
export function withInputs(
  variables: readonly PlainVariable[],
  inputs: readonly ResolvedInput[],
): PlainVariable[] {
  const bound = new Set(inputs.map(({ variable }) => variable));
  const own = variables.filter(({ category, key }) => category === "env" || !bound.has(key));
  const values = inputs.map(({ variable: key, id: value }) => ({
    category: "terraform" as const,
    key,
    value,
    sensitive: false,
    hcl: false,
  }));
  return [...own, ...values];
}

export function sealVariables(box: SecretBox, run: RunRecord, variables: readonly PlainVariable[]): Buffer {
  return box.seal(Buffer.from(JSON.stringify(variables)), `run ${run.id} variables`);
}

export function openVariables(
  box: SecretBox,
  run: Pick<RunRecord, "id">,
  sealed: Buffer | null,
): PlainVariable[] {
  if (!sealed) return [];
  return JSON.parse(box.open(sealed, `run ${run.id} variables`).toString()) as PlainVariable[];
}
