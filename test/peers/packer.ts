import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { run, type Outcome } from "./run.ts";

export interface PackerOptions {
  /** What `ATLAS_ADDRESS` and `ATLAS_TOKEN` say. */
  address: string;
  token: string;
  /** The folder that the template's paths are relative to. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

export interface PackerOutcome extends Outcome {
  /** The ids of the artifacts that Packer destroyed. */
  destroyed: string[];
}

/** Builds a template with the Packer at `packer`. */
export async function buildWithPacker(
  packer: string,
  template: object,
  options: PackerOptions,
): Promise<PackerOutcome> {
  const folder = await mkdtemp(path.join(tmpdir(), "ingot-packer-"));
  try {
    const file = path.join(folder, "template.json");
    await writeFile(file, JSON.stringify(template));
    const env = { ATLAS_ADDRESS: options.address, ATLAS_TOKEN: options.token, ...options.env };
    const outcome = await run(packer, [file], { cwd: options.cwd ?? folder, env, timeoutMs: 60_000 });
    const destroyed = [...outcome.output.matchAll(/^DESTROYED (.*)$/gm)].map(([, id = ""]) => id);
    return { ...outcome, destroyed };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
