import { run } from "./run.ts";

/** What one call of atlas-go came to. */
export type AtlasGoOutcome = { result: unknown } | { error: string };

export interface AtlasGoOptions {
  /** What `ATLAS_ADDRESS` and `ATLAS_TOKEN` say. */
  address: string;
  token: string;
}

/** Makes one call with the atlas-go driver at `atlasGo`, such as `["search", "-version", "latest", …]`. */
export async function callAtlasGo(
  atlasGo: string,
  args: string[],
  options: AtlasGoOptions,
): Promise<AtlasGoOutcome> {
  const env = { ATLAS_ADDRESS: options.address, ATLAS_TOKEN: options.token };
  const { exitCode, stdout, output } = await run(atlasGo, args, { env, timeoutMs: 60_000 });
  if (exitCode > 1)
    throw new Error(`Cannot call "atlas-go ${args.join(" ")}": it exited with ${exitCode}\n${output}`);
  return JSON.parse(stdout) as AtlasGoOutcome;
}
