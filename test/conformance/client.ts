import { Buffer } from "node:buffer";
import type { TestSystem } from "../support/system.ts";

/** Asks as a user with the admin token does. */
export function get(
  system: TestSystem,
  path: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(new URL(path, system.url), {
    headers: { authorization: `Bearer ${system.token}`, ...headers },
  });
}

/** Posts JSON as a client of Atlas does; throws when that is refused. */
export async function post(system: TestSystem, path: string, body: unknown): Promise<Response> {
  const reply = await fetch(new URL(path, system.url), {
    method: "POST",
    headers: { "X-Atlas-Token": system.token, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`Cannot post to "${path}": ${reply.status} ${await reply.text()}`);
  return reply;
}

/** `acmeinc/web:latest` of a type, and of a region where it has any, as JSON. */
export async function resolve(
  system: TestSystem,
  reference: string,
  query: Record<string, string>,
): Promise<unknown> {
  const reply = await get(system, resolvePath(reference, query));
  return reply.ok ? reply.json() : { status: reply.status };
}

/** The id alone. */
export async function resolveId(
  system: TestSystem,
  reference: string,
  query: Record<string, string>,
): Promise<string> {
  const reply = await get(system, resolvePath(reference, query), { accept: "text/plain" });
  return reply.text();
}

function resolvePath(reference: string, query: Record<string, string>): string {
  return `/api/v2/resolve/${reference}?${new URLSearchParams(query).toString()}`;
}

/** The file of `acmeinc/web/custom.image/1`. */
export async function download(system: TestSystem, slug: string): Promise<Buffer> {
  const reply = await get(system, `/api/v1/artifacts/${slug}/file`);
  if (!reply.ok)
    throw new Error(`Cannot download the file of "${slug}": ${reply.status} ${await reply.text()}`);
  return Buffer.from(await reply.arrayBuffer());
}

/** The versions that a search of Terraform's provider finds. */
export async function search(system: TestSystem, artifact: string, type: string): Promise<unknown[]> {
  const reply = await get(system, `/api/v1/artifacts/${artifact}/${type}/search`);
  const { versions } = (await reply.json()) as { versions: unknown[] };
  return versions;
}
