import fc from "fast-check";
import type { Schema } from "../support/openapi.ts";

export type Components = Readonly<Record<string, Schema>>;
export type Known = Readonly<Record<string, readonly unknown[]>>;

export interface ValueContext {
  components: Components;
  known: Known;
}

const uuid = fc.uuid();
const instant = fc
  .date({ min: new Date("1990-01-01"), max: new Date("2200-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString());

/** Values that the schema accepts; half of them known ones when those have the name. */
export function valuesOf(schema: Schema, context: ValueContext, name?: string): fc.Arbitrary<unknown> {
  const known = context.known[name ?? ""];
  const any = anyOf(schema, context);
  return known ? fc.oneof(fc.constantFrom(...known), any) : any;
}

function anyOf(schema: Schema, context: ValueContext): fc.Arbitrary<unknown> {
  const resolved = schema.$ref ? context.components[schema.$ref.split("/").at(-1) ?? ""] : schema;
  if (!resolved) throw new Error(`Cannot make values: "${schema.$ref}" is no schema of the document`);
  const union = resolved.anyOf ?? resolved.oneOf;
  if (union) return fc.oneof(...union.map((one) => anyOf(one, context)));
  if (resolved.enum) return fc.constantFrom(...resolved.enum);
  switch (resolved.type) {
    case "string":
      return stringsOf(resolved);
    case "integer":
      return integersOf(resolved);
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return arraysOf(resolved, context);
    case "object":
      return objectsOf(resolved, context);
    case undefined:
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function integersOf({ minimum = 0, maximum = 2 ** 31 - 1 }: Schema): fc.Arbitrary<number> {
  const max = Math.min(maximum, Number.MAX_SAFE_INTEGER);
  return fc.oneof(
    fc.integer({ min: minimum, max: Math.min(max, 2 ** 31 - 1) }),
    fc.constantFrom(minimum, max),
  );
}

function arraysOf({ items = {}, minItems = 0, maxItems = 3 }: Schema, context: ValueContext) {
  return fc.array(anyOf(items, context), { minLength: minItems, maxLength: Math.min(maxItems, 3) });
}

function stringsOf({ pattern, format, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === "uuid") return uuid;
  if (format === "date-time") return instant;
  if (pattern) return fc.stringMatching(new RegExp(pattern));
  return fc.string({ minLength, maxLength: Math.min(maxLength, 40) });
}

function objectsOf(
  { properties = {}, required = [], patternProperties }: Schema,
  context: ValueContext,
): fc.Arbitrary<object> {
  const [members] = Object.values(patternProperties ?? {});
  if (members) return fc.dictionary(fc.string({ maxLength: 10 }), anyOf(members, context), { maxKeys: 4 });
  const model = Object.fromEntries(
    Object.entries(properties).map(([member, schema]) => [member, valuesOf(schema, context, member)]),
  );
  return fc.record(model, { requiredKeys: [...required] });
}

/** Texts that nobody expects. */
export const oddTexts: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "",
      " ",
      "\0",
      "a\0b",
      "\u{d800}",
      "a\u{dc00}b",
      "\\u0000",
      "\r\n",
      "..",
      "../../etc/passwd",
      "__proto__",
      "constructor",
      "toString",
      "constructor.prototype",
      "-1",
      "0",
      "1.5",
      "NaN",
      "null",
      "true",
      "1e309",
      "2147483648",
      "9223372036854775808",
      "99999999999999999999999999",
      "[object Object]",
      "' or 1=1 --",
      "%",
      "%00",
      "a/b",
      "a:b:c",
      "*",
      "é",
      "😀",
      "\u{202e}",
      "a".repeat(51),
      "a".repeat(513),
      "a".repeat(3000),
    ),
  },
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
);

/** Numbers that a JavaScript value cannot hold, spelled in a string that `writeJson` takes the quotes from. */
const rawMark = "raw number ";
const rawNumbers = fc
  .constantFrom("1e999", "-0", "1E400", "123456789012345678901234567890", "0.1e-400")
  .map((number) => `${rawMark}${number}`);

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? { a: value } : [value];
  return value;
}

/** JSON of a kind that nobody expects in this place. */
export const oddJson: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: oddTexts },
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, [], {}, [null], {
    a: 1,
  }),
  fc.constantFrom(30, 2000).map(nested),
  rawNumbers,
  fc.jsonValue({ maxDepth: 3 }),
);

export function writeJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(new RegExp(`"${rawMark}([^"]+)"`, "g"), "$1");
}

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([member, inner]) => pathsOf(inner, [...path, member]))];
}

export type Break = "replace" | "remove" | "extend";

/** One place of the value is other than it should be. */
export function breakJson(
  value: unknown,
  { place, how, member, odd }: { place: number; how: Break; member: string; odd: unknown },
): unknown {
  const copy = structuredClone(value);
  const paths = pathsOf(copy);
  const path = paths[place % paths.length] ?? [];
  const target = path.reduce(
    (inner, step) => (inner as Record<string, unknown>)[step] as object,
    copy as object,
  );
  if (how === "extend" && typeof target === "object" && target !== null) {
    define(target, member, odd);
    return copy;
  }
  const last = path.at(-1);
  if (last === undefined) return how === "remove" ? {} : odd;
  const parent = path
    .slice(0, -1)
    .reduce((inner, step) => (inner as Record<string, unknown>)[step] as object, copy as object);
  if (how === "remove") Reflect.deleteProperty(parent, last);
  else define(parent, String(last), odd);
  return copy;
}

/** An own member, `__proto__` too. */
function define(target: object, member: string, value: unknown): void {
  Object.defineProperty(target, member, { value, enumerable: true, configurable: true, writable: true });
}
