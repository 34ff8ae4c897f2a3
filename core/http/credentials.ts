import { Buffer } from "node:buffer";
import type { FastifyRequest } from "fastify";
import type { Authenticator, Principal } from "../access.ts";
import type { HttpApp } from "./app.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who is calling; undefined for a caller without a valid token. */
    principal: Principal | undefined;
  }
}

/** Puts `request.principal` on every request of the application. */
export function useAuthenticator(app: HttpApp, authenticator: Authenticator): void {
  app.decorateRequest("principal", undefined);
  app.addHook("onRequest", async (request) => {
    const token = tokenOf(request);
    if (token !== undefined) request.principal = await authenticator.authenticate(token);
  });
}

function tokenOf(request: FastifyRequest): string | undefined {
  const [scheme = "", credentials = ""] = (request.headers.authorization ?? "").split(" ", 2);
  if (/^bearer$/i.test(scheme)) return credentials;
  if (/^basic$/i.test(scheme)) return passwordOf(credentials);
  const header = request.headers["x-atlas-token"];
  if (typeof header === "string" && header !== "") return header;
  const query = request.query as Record<string, unknown>;
  const parameter = query["access_token"];
  return typeof parameter === "string" && parameter !== "" ? parameter : undefined;
}

function passwordOf(credentials: string): string | undefined {
  const text = Buffer.from(credentials, "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : text.slice(colon + 1);
}
