import { Type, type Static, type TSchema } from "typebox";
import { Value } from "typebox/value";
import { expect } from "vitest";

/** What the decoders of the Go clients take; another JSON type in one of these members fails the client. */
const version = {
  username: Type.String(),
  name: Type.String(),
  tag: Type.String(),
  slug: Type.String(),
  artifact_type: Type.String(),
  id: Type.Union([Type.String(), Type.Null()]),
  version: Type.Integer({ minimum: 1 }),
  metadata: Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]),
  file: Type.Boolean(),
};

const Text = Type.Optional(Type.Union([Type.String(), Type.Null()]));

export const CreatedVersion = Type.Object({ ...version, upload_path: Text, upload_token: Text });
export type CreatedVersion = Static<typeof CreatedVersion>;

/** An upload path is a secret of the one who publishes, so a search has none. */
const Nothing = Type.Optional(Type.Union([Type.Literal(""), Type.Null()]));
const FoundVersion = Type.Object({ ...version, upload_path: Nothing, upload_token: Nothing });
export const SearchReply = Type.Object({ versions: Type.Array(FoundVersion) });
export type SearchReply = Static<typeof SearchReply>;

export const ArtifactReply = Type.Object({
  artifact: Type.Object({ username: Type.String(), name: Type.String(), tag: Type.String() }),
});

export const ErrorsReply = Type.Object({
  errors: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
});
export const LoginReply = Type.Object({ token: Type.String({ minLength: 1 }) });

/** Fails the test with every place where the JSON is not what the schema says. */
export function expectShape<S extends TSchema>(schema: S, json: unknown): Static<S> {
  const problems = [...Value.Errors(schema, json)].map((error) => `${error.instancePath}: ${error.message}`);
  expect({ json, problems }).toEqual({ json, problems: [] });
  return json as Static<S>;
}
