import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { HttpApp } from "./app.ts";
import { Problem } from "./schemas.ts";

export interface OpenApiInfo {
  title: string;
  version: string;
  description: string;
  tags: { name: string; description: string }[];
}

/** Serves the OpenAPI 3.1 document at /openapi.json and a browsable page at /docs, where / leads to. Call it before mounting routes. */
export async function mountOpenApi(app: HttpApp, { tags, ...info }: OpenApiInfo): Promise<void> {
  app.addSchema(Problem);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { ...info, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
      servers: [{ url: "/" }],
      tags,
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer" },
        },
      },
      security: [{ bearer: [] }],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) =>
        typeof json["$id"] === "string" ? json["$id"] : `def-${index}`,
    },
  });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    uiConfig: { url: "/openapi.json", persistAuthorization: true },
    theme: {
      title: `${info.title} API`,
      css: [{ filename: "theme.css", content: ".swagger-ui .topbar { display: none }" }],
    },
  });
  app.get("/", { schema: { hide: true } }, async (_request, reply) => reply.redirect("/docs"));
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}
