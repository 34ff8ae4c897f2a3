import { Type } from "typebox";
import { messageOf } from "../errors.ts";
import type { HttpApp } from "./app.ts";
import { ref } from "./schemas.ts";

/** Answers with a detail to show, or throws with the reason. */
export type HealthCheck = () => Promise<string>;

export interface Health {
  /** A failing critical check makes the process not ready; another one is only shown. */
  add(name: string, check: HealthCheck, options?: { critical: boolean }): void;
}

const Liveness = Type.Object({ ok: Type.Boolean() }, { $id: "Liveness" });
const Check = Type.Object(
  { name: Type.String(), ok: Type.Boolean(), critical: Type.Boolean(), detail: Type.String() },
  { $id: "ReadinessCheck" },
);
const Readiness = Type.Object(
  { ready: Type.Boolean(), checks: Type.Array(ref(Check)) },
  { $id: "Readiness" },
);

export function mountHealth(app: HttpApp): Health {
  const checks: { name: string; check: HealthCheck; critical: boolean }[] = [];
  for (const schema of [Liveness, Check, Readiness]) app.addSchema(schema);
  app.get(
    "/livez",
    {
      schema: {
        operationId: "getLiveness",
        summary: "Whether the process runs",
        tags: ["system"],
        security: [],
        response: { 200: ref(Liveness) },
      },
    },
    async () => ({ ok: true }),
  );
  app.get(
    "/readyz",
    {
      schema: {
        operationId: "getReadiness",
        summary: "Whether the process can serve, with each thing it depends on",
        tags: ["system"],
        security: [],
        response: { 200: ref(Readiness), 503: ref(Readiness) },
      },
    },
    async (_request, reply) => {
      const results = await Promise.all(checks.map(runCheck));
      const ready = results.every((result) => result.ok || !result.critical);
      return reply.code(ready ? 200 : 503).send({ ready, checks: results });
    },
  );
  return {
    add(name, check, { critical } = { critical: true }) {
      checks.push({ name, check, critical });
    },
  };
}

async function runCheck({ name, check, critical }: { name: string; check: HealthCheck; critical: boolean }) {
  try {
    return { name, critical, ok: true, detail: await check() };
  } catch (error) {
    return { name, critical, ok: false, detail: messageOf(error) };
  }
}
