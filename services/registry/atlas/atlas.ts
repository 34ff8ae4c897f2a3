import type { FastifyRequest } from "fastify";
import { InvalidError, UnauthorizedError } from "#core/errors.ts";
import { useRenderer, type HttpApp } from "#core/http/app.ts";
import { mountAtlasArtifacts } from "../artifact/atlas.ts";
import { mountAtlasFiles } from "../file/atlas.ts";
import type { UploadDeps } from "../file/upload.ts";
import { mountAtlasVersions, type AtlasVersionDeps } from "../version/atlas.ts";
import { renderForPacker } from "./render.ts";

/** The Atlas wire of artifacts, as Packer's post-processor, Terraform's provider and atlas-go speak it. */
export function mountAtlas(app: HttpApp, deps: AtlasVersionDeps & UploadDeps): void {
  app.register(async (atlas) => {
    useRenderer(atlas, renderForPacker);
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
  app.removeContentTypeParser("text/plain");
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

interface Form {
  [member: string]: string | Form;
}

/** `artifact[name]=web` → `{ artifact: { name: "web" } }`, to any depth; objects without a prototype. */
function readForm(text: string): Form {
  const form = Object.create(null) as Form;
  for (const [name, value] of new URLSearchParams(text)) {
    const members = /^([^[\]]+)((?:\[[^[\]]+\])*)$/.exec(name);
    if (!members) continue;
    const path = [members[1] ?? "", ...(members[2] ?? "").split(/[[\]]+/).filter((member) => member !== "")];
    setMember(form, path, value);
  }
  return form;
}

function setMember(form: Form, path: readonly string[], value: string): void {
  let at = form;
  for (const member of path.slice(0, -1)) {
    const next = at[member];
    at = typeof next === "object" ? next : (at[member] = Object.create(null) as Form);
  }
  at[path.at(-1) ?? ""] = value;
}
