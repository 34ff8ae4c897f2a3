import type { FastifyRequest } from "fastify";
import { InvalidError, UnauthorizedError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { renderErrorList, type Renderer } from "#core/http/render.ts";
import { useRenderer } from "#core/http/app.ts";
import { mountAtlasArtifacts } from "../artifact/atlas.ts";
import { mountAtlasFiles } from "../file/atlas.ts";
import type { UploadDeps } from "../file/upload.ts";
import { mountAtlasVersions, type AtlasVersionDeps } from "../version/atlas.ts";

/**
 * Packer destroys what it has built when a call of its post-processor fails, and shows our text for 400 and 422
 * alone. So a failure of ours answers 422 with the reason.
 */
const renderForAtlas: Renderer = (failure) => {
  const { status, message } = failure;
  if (status < 500) return renderErrorList(failure);
  const text = failure.status === 503 ? message : `Ingot could not do this: ${message}`;
  return renderErrorList({ ...failure, status: 422, message: text });
};

/** The Atlas wire of artifacts, as Packer's post-processor, Terraform's provider and atlas-go speak it. */
export function mountAtlas(app: HttpApp, deps: AtlasVersionDeps & UploadDeps): void {
  app.register(async (atlas) => {
    useRenderer(atlas, renderForAtlas);
    acceptAnyBodyAsJson(atlas);
    mountAuthenticate(atlas);
    mountAtlasArtifacts(atlas, deps);
    mountAtlasVersions(atlas, deps);
    mountAtlasFiles(atlas, deps);
  });
}

function mountAuthenticate(app: HttpApp): void {
  app.get("/api/v1/authenticate", async (request) => {
    if (!request.principal) throw new UnauthorizedError("Cannot authenticate: no valid token given");
    return { authenticated: true, name: request.principal.name };
  });

  // Atlas gave a token for a password here; there are no passwords, so a client is told where tokens come from.
  app.post("/api/v1/authenticate", async () => {
    throw new UnauthorizedError("Cannot log in with a password: create a token with ingot token create");
  });
}

/** Some clients send JSON without a Content-Type, old scripts send forms. */
function acceptAnyBodyAsJson(app: HttpApp): void {
  app.addHook("onRoute", (route) => {
    route.schema = { hide: true, ...route.schema };
  });
  app.addContentTypeParser("*", { parseAs: "string" }, (request: FastifyRequest, body, done) => {
    try {
      const text = String(body);
      const form = request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded");
      done(null, text === "" ? undefined : form ? readForm(text) : JSON.parse(text));
    } catch {
      done(new InvalidError("Cannot read the body: it is no JSON"));
    }
  });
}

/** `artifact[name]=web` → `{ artifact: { name: "web" } }`. */
function readForm(text: string): Record<string, unknown> {
  const body: Record<string, Record<string, string>> = {};
  for (const [key, value] of new URLSearchParams(text)) {
    const match = /^(\w+)\[(\w+)\]$/.exec(key);
    const [, outer, inner] = match ?? [];
    if (outer === undefined || inner === undefined || outer === "__proto__") continue;
    (body[outer] ??= {})[inner] = value;
  }
  return body;
}
