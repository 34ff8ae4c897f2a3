import { Type } from "typebox";
import { visibleNamespaces } from "#core/access.ts";
import { UnauthorizedError } from "#core/errors.ts";
import type { HttpApp } from "#core/http/app.ts";
import { decodeIntegerCursor, toPage } from "#core/http/cursor.ts";
import { page, PageQuery, problems, ref } from "#core/http/schemas.ts";
import type { TriggerDatabase } from "../database.ts";
import { listSubscriptions } from "./store.ts";
import { Subscription } from "./subscription.ts";

const SubscriptionPage = page("SubscriptionPage", Subscription);

export function mountSubscriptions(app: HttpApp, { database }: { database: TriggerDatabase }): void {
  app.addSchema(Subscription);
  app.addSchema(SubscriptionPage);
  app.get(
    "/api/v2/subscriptions",
    {
      schema: {
        operationId: "listSubscriptions",
        summary: "List which environments follow which artifacts, newest first",
        tags: ["subscriptions"],
        querystring: Type.Object({
          ...PageQuery,
          artifact: Type.Optional(Type.String({ maxLength: 101, description: "acmeinc/web" })),
          environment: Type.Optional(Type.String({ maxLength: 101, description: "acmeinc/prod" })),
        }),
        response: { 200: ref(SubscriptionPage), ...problems(400, 401, 422) },
      },
    },
    async (request) => {
      if (!request.principal) throw new UnauthorizedError("Cannot list subscriptions: no valid token given");
      const { limit = 50, after, artifact, environment } = request.query;
      const rows = await listSubscriptions(database.kysely, {
        visible: visibleNamespaces(request.principal),
        artifact,
        environment,
        after: decodeIntegerCursor(after),
        limit,
      });
      const item = (row: (typeof rows)[number]) => ({ ...row, since: row.since.toISOString() });
      return toPage(rows, limit, { key: ({ id }) => id, item });
    },
  );
}
