import { Type } from "typebox";
import { allows } from "#core/access.ts";
import { InvalidError, NotFoundError } from "#core/errors.ts";
import type { Clock } from "#core/clock.ts";
import type { HttpApp } from "#core/http/app.ts";
import { noContent, nullable, problems, ref, Timestamp } from "#core/http/schemas.ts";
import type { RegistryDatabase } from "../database.ts";
import { findNamespace } from "../namespace/store.ts";
import { requirePrincipal } from "../principal.ts";
import {
  findToken,
  hasOtherLastingSiteAdmin,
  insertToken,
  listTokens,
  lockTokens,
  revokeToken,
} from "./store.ts";
import {
  administers,
  assertAdministers,
  formatScope,
  generateToken,
  hashToken,
  isLastingSiteAdmin,
  LastAdminTokenError,
  parseScope,
  scopePattern,
  TokenNotFoundError,
  type TokenRecord,
} from "./token.ts";

const tokenMembers = {
  id: Type.String({ format: "uuid" }),
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  createdBy: Type.String(),
  createdAt: Timestamp,
  expiresAt: nullable(Timestamp),
  revokedAt: nullable(Timestamp),
};
const Token = Type.Object(tokenMembers, { $id: "Token", description: "A credential, without its secret" });
const NewToken = Type.Object(
  { ...tokenMembers, token: Type.String({ description: "The secret: shown here and never again" }) },
  { $id: "NewToken" },
);
const TokenCreate = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 100,
      description: "Shown as the author of what the token does",
    }),
    scopes: Type.Array(Type.String({ pattern: scopePattern }), {
      minItems: 1,
      maxItems: 50,
      description: "NAMESPACE:ROLE; * for every namespace; roles read, publish, operate, admin",
    }),
    expiresAt: Type.Optional(Type.String({ format: "date-time" })),
  },
  { $id: "TokenCreate", additionalProperties: false },
);
const TokenList = Type.Object({ items: Type.Array(ref(Token)) }, { $id: "TokenList" });
const tags = ["tokens"];

export interface TokenRoutesDeps {
  database: RegistryDatabase;
  clock: Clock;
}

export function mountTokens(app: HttpApp, { database, clock }: TokenRoutesDeps): void {
  for (const schema of [Token, NewToken, TokenCreate, TokenList]) app.addSchema(schema);

  app.get(
    "/api/v2/tokens",
    {
      schema: {
        operationId: "listTokens",
        summary: "List the tokens that the caller administers, newest first",
        tags,
        response: { 200: ref(TokenList), ...problems(401) },
      },
    },
    async (request) => {
      const principal = requirePrincipal(request, "list tokens");
      const tokens = await listTokens(database.kysely);
      return { items: tokens.filter(({ grants }) => administers(principal, grants)).map(toReply) };
    },
  );

  app.post(
    "/api/v2/tokens",
    {
      schema: {
        operationId: "createToken",
        summary: "Create a token",
        description: "Needs the role admin in every namespace of its scopes.",
        tags,
        body: ref(TokenCreate),
        response: { 201: ref(NewToken), ...problems(400, 401, 403, 404, 415, 422) },
      },
    },
    async (request, reply) => {
      const principal = requirePrincipal(request, "create a token");
      const { name, scopes, expiresAt } = request.body;
      const grants = scopes.map(parseScope);
      for (const { namespace } of grants) {
        const known = namespace === "*" || (await findNamespace(database.kysely, namespace));
        if (!known || !(namespace === "*" || allows(principal, namespace, "read"))) {
          throw new NotFoundError(`Cannot create a token for "${namespace}": no such namespace`);
        }
      }
      assertAdministers(principal, grants);
      const expires = expiresAt === undefined ? null : new Date(expiresAt);
      if (expires && !(expires > clock.now())) {
        throw new InvalidError(
          `Cannot create a token that expires at "${expiresAt}": that is no time to come`,
        );
      }
      const token = generateToken();
      const record = { name, hash: hashToken(token), grants, createdBy: principal.name, expiresAt: expires };
      return reply.code(201).send({ ...toReply(await insertToken(database.kysely, record)), token });
    },
  );

  app.delete(
    "/api/v2/tokens/:id",
    {
      schema: {
        operationId: "revokeToken",
        summary: "Revoke a token",
        tags,
        params: Type.Object({ id: Type.String({ format: "uuid" }) }),
        response: { 204: noContent, ...problems(400, 401, 404, 409) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const principal = requirePrincipal(request, `revoke the token "${id}"`);
      const found = await findToken(database.kysely, id);
      if (!found || !administers(principal, found.grants)) throw new TokenNotFoundError(id);
      await database.kysely.transaction().execute(async (trx) => {
        await lockTokens(trx);
        if (isLastingSiteAdmin(found) && !(await hasOtherLastingSiteAdmin(trx, id)))
          throw new LastAdminTokenError(found);
        await revokeToken(trx, id);
      });
      return reply.code(204).send(null);
    },
  );
}

function toReply({ id, name, grants, createdBy, createdAt, expiresAt, revokedAt }: TokenRecord) {
  return {
    id,
    name,
    scopes: grants.map(formatScope),
    createdBy,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}
