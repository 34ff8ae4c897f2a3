import { Type } from "typebox";
import { authorize, visibleNamespaces } from "#core/access.ts";
import { NotFoundError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { decodeTextCursor, toPage } from "#core/http/cursor.ts";
import { page, PageQuery, problems, ref } from "#core/http/schemas.ts";
import { requirePrincipal } from "../principal.ts";
import type { RegistryDatabase } from "../database.ts";
import { Name, Namespace, NamespaceExistsError, type NamespaceRecord } from "./namespace.ts";
import { findNamespace, insertNamespace, listNamespaces } from "./store.ts";

const NamespaceCreate = Type.Object({ name: Name }, { $id: "NamespaceCreate", additionalProperties: false });
const NamespacePage = page("NamespacePage", Namespace);
const tags = ["namespaces"];

export function mountNamespaces(app: HttpApp, { database }: { database: RegistryDatabase }): void {
  for (const schema of [Namespace, NamespaceCreate, NamespacePage]) app.addSchema(schema);

  app.get(
    "/api/v2/namespaces",
    {
      schema: {
        operationId: "listNamespaces",
        summary: "List the namespaces that the caller may see, by name",
        tags,
        querystring: Type.Object(PageQuery),
        response: { 200: ref(NamespacePage), ...problems(400, 401, 422) },
      },
    },
    async (request) => {
      const visible = visibleNamespaces(requirePrincipal(request, "list namespaces"));
      const { limit = 50, after } = request.query;
      const rows = await listNamespaces(database.kysely, { visible, limit, after: decodeTextCursor(after) });
      return toPage(rows, limit, { key: ({ name }) => name, item: toReply });
    },
  );

  app.post(
    "/api/v2/namespaces",
    {
      schema: {
        operationId: "createNamespace",
        summary: "Create a namespace",
        description: "Needs the role admin in every namespace.",
        tags,
        body: ref(NamespaceCreate),
        response: { 201: ref(Namespace), ...problems(400, 401, 403, 404, 409, 415) },
      },
    },
    async (request, reply) => {
      const { name } = request.body;
      const action = `create the namespace "${name}"`;
      authorize(request.principal, { namespace: "*", role: "admin", action, thing: `namespace "${name}"` });
      const created = await insertNamespace(database.kysely, name);
      if (!created) throw new NamespaceExistsError(name);
      return reply.code(201).send(toReply(created));
    },
  );

  app.get(
    "/api/v2/namespaces/:namespace",
    {
      schema: {
        operationId: "getNamespace",
        summary: "Read a namespace",
        tags,
        params: Type.Object({ namespace: Name }),
        response: { 200: ref(Namespace), ...problems(400, 401, 404) },
      },
    },
    async (request) => {
      const { namespace } = request.params;
      const action = `read the namespace "${namespace}"`;
      const thing = `namespace "${namespace}"`;
      authorize(request.principal, { namespace, role: "read", action, thing });
      const found = await findNamespace(database.kysely, namespace);
      if (!found) throw new NotFoundError(`Cannot ${action}: no ${thing}`);
      return toReply(found);
    },
  );
}

function toReply({ name, createdAt }: NamespaceRecord) {
  return { name, createdAt: createdAt.toISOString() };
}
