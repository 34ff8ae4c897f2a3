import { access, constants, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { messageOf, UnavailableError } from "#core/errors.ts";
import { captureTerraform } from "./capture.ts";

export type Terraform = { path: string; product: "terraform" | "tofu"; version: string };

export class TerraformNotFoundError extends UnavailableError {
  constructor(names: readonly string[], places: string) {
    super(
      `Cannot find Terraform: no executable ${names.map((name) => `"${name}"`).join(" or ")} in "${places}"`,
    );
  }
}

export class TerraformUnusableError extends UnavailableError {
  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`Cannot use "${path}" as Terraform: ${problem}`, options);
  }
}

/**
 * The program that runs plans. `setting` is a path or a name; without one, `terraform` and then `tofu` are
 * looked for in `searchPath`.
 */
export async function findTerraform(
  setting?: string,
  searchPath = process.env["PATH"] ?? "",
): Promise<Terraform> {
  const path = setting?.includes("/")
    ? await findFile(setting)
    : await findInPath(setting ? [setting] : ["terraform", "tofu"], searchPath);
  return { path, ...(await identify(path, searchPath)) };
}

async function findFile(setting: string): Promise<string> {
  const path = resolve(setting);
  if (await isExecutable(path)) return path;
  throw new TerraformNotFoundError([setting], resolve("."));
}

async function findInPath(names: readonly string[], searchPath: string): Promise<string> {
  const folders = searchPath.split(delimiter).filter((folder) => folder !== "");
  for (const path of names.flatMap((name) => folders.map((folder) => resolve(folder, name)))) {
    if (await isExecutable(path)) return path;
  }
  throw new TerraformNotFoundError(names, searchPath);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** Both products name their version `terraform_version`; only the plain text tells which one it is. */
async function identify(path: string, searchPath: string): Promise<Omit<Terraform, "path">> {
  const [json, text] = await Promise.all([
    askVersion(path, searchPath, ["version", "-json"]),
    askVersion(path, searchPath, ["version"]),
  ]);
  return { product: /^OpenTofu v/m.test(text) ? "tofu" : "terraform", version: parseVersion(path, json) };
}

async function askVersion(path: string, searchPath: string, args: string[]): Promise<string> {
  const env = { PATH: searchPath, HOME: join(tmpdir(), "nobody"), CHECKPOINT_DISABLE: "1" };
  const { exitCode, stdout, stderr } = await captureTerraform({
    terraform: { path },
    args,
    cwd: tmpdir(),
    env,
    timeoutMs: 30_000,
  });
  if (exitCode === 0) return stdout;
  throw new TerraformUnusableError(
    path,
    `"${args.join(" ")}" exited with ${exitCode ?? "a signal"}: ${stderr.trim()}`,
  );
}

function parseVersion(path: string, json: string): string {
  try {
    const { terraform_version: version } = JSON.parse(json) as { terraform_version?: unknown };
    if (typeof version === "string") return version;
  } catch (error) {
    throw new TerraformUnusableError(path, `its version is not JSON: ${messageOf(error)}`, { cause: error });
  }
  throw new TerraformUnusableError(path, "it does not tell its version");
}
