import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { captureTerraform } from "./capture.ts";
import { findTerraform, TerraformNotFoundError, type Terraform } from "./find.ts";

export const terraform = await findTerraform().catch((error: unknown) => {
  if (error instanceof TerraformNotFoundError) return undefined;
  throw error;
});

/** `test.skipIf(noTerraform)`, with the reason in the title of the suite. */
export const noTerraform = terraform === undefined;
export const withTerraform = noTerraform ? " (skipped: no terraform on the PATH)" : "";

export function anyTerraform(): Terraform {
  if (!terraform) throw new Error("no terraform on the PATH");
  return terraform;
}

export type Folder = AsyncDisposable & { path: string };

export async function givenFolder(files: Record<string, string> = {}): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "ingot-run-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export function plainEnvironment(home: string): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    CHECKPOINT_DISABLE: "1",
  };
}

/** Runs a command that must succeed (0, or 2 of a plan with changes), and gives its stdout. */
export async function run(cwd: string, args: string[], env = plainEnvironment(cwd)): Promise<string> {
  const command = { terraform: anyTerraform(), args, cwd, env, timeoutMs: 60_000 };
  const { exitCode, stdout, stderr } = await captureTerraform(command);
  if (exitCode === 0 || exitCode === 2) return stdout;
  throw new Error(`${args.join(" ")} exited with ${exitCode}\n${stdout}\n${stderr}`);
}

export async function planOf(cwd: string, args: string[] = []): Promise<unknown> {
  await run(cwd, ["init", "-no-color"]);
  await run(cwd, ["plan", "-no-color", "-out=plan.bin", ...args]);
  return JSON.parse(await run(cwd, ["show", "-json", "plan.bin"]));
}

export type StateServer = AsyncDisposable & { url: string; requests: string[]; authorization: Set<string> };

/** A state backend that keeps one state and lets everybody lock. */
export async function givenStateServer(): Promise<StateServer> {
  const requests: string[] = [];
  const authorization = new Set<string>();
  let state: Buffer | undefined;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests.push(String(request.method));
      authorization.add(String(request.headers.authorization));
      if (request.method === "POST") state = Buffer.concat(chunks);
      if (request.method === "GET" && !state) response.statusCode = 404;
      response.end(request.method === "GET" ? state : undefined);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/state`,
    requests,
    authorization,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
