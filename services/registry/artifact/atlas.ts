import { authorize } from "#core/access.ts";
import { retryBroken } from "#core/database/retry.ts";
import { InvalidError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import type { RegistryDatabase } from "../database.ts";
import { assertName } from "../namespace/namespace.ts";
import { requirePrincipal } from "../principal.ts";
import { ArtifactNotFoundError, formatArtifact, type ArtifactRef } from "./artifact.ts";
import { ensureArtifact, findArtifact } from "./store.ts";

interface ArtifactParams {
  namespace: string;
  name: string;
}

/** The Atlas calls on an artifact: look it up, and create it when it is missing. */
export function mountAtlasArtifacts(app: HttpApp, { database }: { database: RegistryDatabase }): void {
  app.get<{ Params: ArtifactParams }>("/api/v1/artifacts/:namespace/:name", async (request) => {
    const { namespace, name } = request.params;
    const action = `read "${formatArtifact(request.params)}"`;
    authorize(request.principal, { namespace, role: "read", action, thing: "such artifact" });
    const artifact = await retryBroken(action, () => findArtifact(database.kysely, { namespace, name }));
    if (!artifact) throw new ArtifactNotFoundError({ namespace, name });
    return toAtlas(artifact);
  });

  // Two builders in parallel both miss the artifact and both create it: the second gets the first one's.
  app.post<{ Body: unknown }>("/api/v1/artifacts", async (request) => {
    requirePrincipal(request, "create an artifact");
    const wanted = readArtifact(request.body);
    const action = `create "${formatArtifact(wanted)}"`;
    const thing = `namespace "${wanted.namespace}"`;
    authorize(request.principal, { namespace: wanted.namespace, role: "publish", action, thing });
    assertName("namespace", wanted.namespace);
    assertName("artifact", wanted.name);
    return toAtlas(await retryBroken(action, () => ensureArtifact(database.kysely, wanted)));
  });
}

function readArtifact(body: unknown): ArtifactRef {
  const { artifact } = (body ?? {}) as { artifact?: { username?: unknown; name?: unknown } };
  if (typeof artifact?.username !== "string" || typeof artifact.name !== "string") {
    throw new InvalidError(`Cannot create an artifact: expected {"artifact":{"username":"…","name":"…"}}`);
  }
  return { namespace: artifact.username, name: artifact.name };
}

function toAtlas({ namespace, name }: ArtifactRef) {
  return { artifact: { username: namespace, name, tag: `${namespace}/${name}` } };
}
