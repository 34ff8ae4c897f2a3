import { Type, type Static, type TSchema } from "typebox";

/** Refers to a schema that was registered with `app.addSchema` under its `$id`. */
export function ref<T extends TSchema>(schema: T) {
  return Type.Unsafe<Static<T>>({ $ref: `${idOf(schema)}#` });
}

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}

export function wordList<const T extends string>($id: string, words: readonly T[], description: string) {
  return Type.Unsafe<T>({ $id, type: "string", enum: words, description });
}

export function page<T extends TSchema>($id: string, item: T) {
  return Type.Object(
    {
      items: Type.Array(ref(item)),
      next: nullable(
        Type.String({ description: "Give it as `after` to read the next page; null at the end" }),
      ),
    },
    { $id },
  );
}

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: "What was attempted, the value, and the present state" }),
    requestId: Type.String({ description: "Finds the request in the log" }),
  },
  { $id: "Problem", description: "RFC 9457", additionalProperties: true },
);

export const Timestamp = Type.String({ format: "date-time" });

export const PageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  after: Type.Optional(Type.String({ maxLength: 200, description: "`next` of the page before" })),
};

/** Declares the problems that a route can answer with. */
export function problems(...statuses: number[]): Record<number, TSchema> {
  const answer = {
    description: "Problem",
    content: { "application/problem+json": { schema: ref(Problem) } },
  };
  return Object.fromEntries(statuses.map((status) => [status, answer as unknown as TSchema]));
}

export const noContent = Type.Unsafe<null>({ type: "null", description: "Done" });

export function idOf(schema: TSchema): string {
  const { $id } = schema as { $id?: string };
  if (!$id) throw new Error("Cannot refer to a schema without $id");
  return $id;
}
