import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import type { Operation, Parameter } from "../support/openapi.ts";
import {
  breakJson,
  oddJson,
  oddTexts,
  valuesOf,
  writeJson,
  type Break,
  type Components,
  type Known,
} from "./values.ts";

export interface WireRequest {
  method: string;
  /** Path and query as they go over the wire. */
  path: string;
  headers: Readonly<Record<string, string>>;
  /** Bytes as latin1. */
  body?: string;
}

export interface RequestContext {
  components: Components;
  /** A token that may do everything. */
  token: string;
  /** Values, by the name of a parameter or of a member of a body, that name what exists. */
  known: Known;
  /** More of them for addresses of one noun, such as `environments`. */
  knownUnder: Readonly<Record<string, Known>>;
  /** Files of the kind that uploads take, good ones and bad ones, as latin1. */
  files: readonly string[];
}

/** A request in its parts: each can be replaced by a broken one. */
interface Parts {
  segments: readonly string[];
  query: readonly (readonly [string, string])[];
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
}

/** Requests to one operation, from those that it accepts to those that no client would send. */
export function requestsTo(operation: Operation, context: RequestContext): fc.Arbitrary<WireRequest> {
  const accepted = partsOf(operation, context);
  const broken = [
    breakSegment(accepted),
    breakQuery(accepted, operation),
    breakHeaders(accepted, context),
    ...(operation.requestBody
      ? [breakBody(accepted), breakJsonBody(operation, accepted, context)]
      : [addBody(accepted)]),
  ];
  const parts = fc.oneof(
    { weight: 3, arbitrary: accepted },
    ...broken.map((arbitrary) => ({ weight: 2, arbitrary })),
  );
  return parts.map((each) => toRequest(operation, each));
}

function toRequest({ method }: Operation, { segments, query, headers, body }: Parts): WireRequest {
  const text = query.map(([key, value]) => `${key}=${value}`).join("&");
  const path = `/${segments.join("/")}${text === "" ? "" : `?${text}`}`;
  return { method, path, headers, ...(body !== undefined && { body }) };
}

function partsOf(operation: Operation, context: RequestContext): fc.Arbitrary<Parts> {
  const parameters = operation.parameters ?? [];
  const content = operation.requestBody?.content ?? {};
  const [contentType] = Object.keys(content);
  const schema = content["application/json"]?.schema;
  const body = schema
    ? valuesOf(schema, context).map((value) => utf8(writeJson(value)))
    : fc.constantFrom(...context.files);
  return fc
    .record({
      segments: segmentsOf(operation, context),
      query: optional(
        parameters.filter((one) => one.in === "query"),
        context,
      ),
      extra: optional(
        parameters.filter((one) => one.in === "header"),
        context,
      ),
      body: contentType === undefined ? fc.constant(undefined) : body,
    })
    .map(({ segments, query, extra, body: sent }) => ({
      segments,
      query: query.map(([key, value]) => [key, encodeText(value)] as const),
      headers: {
        authorization: `Bearer ${context.token}`,
        ...(contentType !== undefined && { "content-type": contentType }),
        ...Object.fromEntries(extra.map(([key, value]) => [key, headerText(value)])),
      },
      body: sent,
    }));
}

/** Path parameters name what exists, most of the time. */
function segmentsOf({ url, parameters = [] }: Operation, context: RequestContext) {
  const known: Known = { ...context.known, ...context.knownUnder[url.split("/")[3] ?? ""] };
  const segments = url
    .slice(1)
    .split("/")
    .map((segment) => {
      if (!segment.startsWith(":")) return fc.constant(segment);
      const name = segment.slice(1);
      const schema = parameters.find((each) => each.in === "path" && each.name === name)?.schema;
      const some = schema ? valuesOf(schema, context).map(String) : fc.stringMatching(/^[a-z0-9.]{1,20}$/);
      const existing = fc.constantFrom(...(known[name] ?? ["1"])).map(String);
      return fc.oneof({ weight: 6, arbitrary: existing }, { weight: 1, arbitrary: some.map(encodeText) });
    });
  return fc.tuple(...segments);
}

function optional(
  parameters: readonly Parameter[],
  context: RequestContext,
): fc.Arbitrary<[string, string][]> {
  const pairs = parameters.map(({ name, schema }) =>
    fc.option(valuesOf(schema, context, name).map((value) => [[name, String(value)] as [string, string]])),
  );
  return fc.tuple(...pairs).map((found) => found.flatMap((pair) => pair ?? []));
}

function breakSegment(accepted: fc.Arbitrary<Parts>): fc.Arbitrary<Parts> {
  const odd = fc.oneof(
    oddTexts.map(encodeText),
    fc.constantFrom(
      "%",
      "%zz",
      "%c0%80",
      "%E0%A4%A",
      "%ed%a0%80",
      "%00",
      "",
      "//",
      ";a=b",
      "%2e%2e",
      "%2F",
      "a%20b",
    ),
  );
  return fc.tuple(accepted, fc.nat(), odd, fc.boolean()).map(([parts, place, text, insert]) => {
    const segments = [...parts.segments];
    segments.splice(place % (segments.length + 1), insert ? 0 : 1, text);
    return { ...parts, segments };
  });
}

/** Cursors that no page gave: of other types, beyond what a column holds, no JSON. */
const oddCursors = fc
  .constantFrom(
    "null",
    "1e999",
    "-1",
    "0",
    '""',
    '"a\\u0000"',
    '"\\ud800"',
    "[1]",
    "{}",
    "2147483648",
    "9007199254740991",
  )
  .map((json) => Buffer.from(json).toString("base64url"));

function breakQuery(accepted: fc.Arbitrary<Parts>, { parameters = [] }: Operation): fc.Arbitrary<Parts> {
  const names = parameters.filter((one) => one.in === "query").map(({ name }) => name);
  const name = fc.constantFrom(
    ...names,
    "limit",
    "after",
    "access_token",
    "__proto__",
    "a[b]",
    "%",
    "metadata.0.key",
  );
  const value = fc.oneof(
    oddTexts.map(encodeText),
    fc.constantFrom("%", "%zz", "%ed%a0%80", "a&=&&"),
    oddCursors,
  );
  const pairs = fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 3 });
  return fc.tuple(accepted, pairs, fc.boolean()).map(([parts, odd, twice]) => ({
    ...parts,
    query: [...parts.query, ...odd, ...(twice ? odd : [])],
  }));
}

const oddHeaders: fc.Arbitrary<Record<string, string>> = fc
  .tuple(
    fc.constantFrom(
      "accept",
      "accept-encoding",
      "content-encoding",
      "content-md5",
      "content-type",
      "expect-nothing",
      "host",
      "idempotency-key",
      "if-none-match",
      "last-event-id",
      "range",
      "x-atlas-token",
      "x-forwarded-host",
      "x-http-method-override",
      "x-request-id",
    ),
    fc.oneof(
      oddTexts,
      fc.constantFrom(
        "*",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "text/plain",
        "application/problem+json",
        "bytes=0-",
        "bytes=-0",
        "bytes=5-1",
        "bytes=99999999999999999999-",
        "gzip",
        "A".repeat(24),
        `${"A".repeat(22)}==`,
      ),
    ),
  )
  .map(([name, value]) => ({ [name]: headerText(value) }));

function breakHeaders(accepted: fc.Arbitrary<Parts>, { token }: RequestContext): fc.Arbitrary<Parts> {
  const credentials = fc.constantFrom<Record<string, string>>(
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: "Bearer  " },
    { authorization: `bearer ${token} x` },
    { authorization: `Basic ${Buffer.from(`any:${token}`).toString("base64")}` },
    { authorization: "Basic !!!" },
    { authorization: `Basic ${Buffer.from("\0:\0").toString("base64")}` },
    { authorization: "Bearer ingot_run_x" },
    { authorization: `Bearer ${"x".repeat(5000)}` },
    { authorization: "", "x-atlas-token": token },
    { authorization: "Digest x" },
  );
  return fc
    .tuple(accepted, fc.array(oddHeaders, { minLength: 1, maxLength: 3 }), fc.option(credentials))
    .map(([parts, odd, other]) => ({
      ...parts,
      headers: Object.assign({}, parts.headers, ...odd, other) as Record<string, string>,
    }));
}

const contentTypes = fc.constantFrom(
  undefined,
  "application/json",
  "application/json; charset=utf-8",
  "application/json; charset=latin1",
  "APPLICATION/JSON",
  "application/jsonx",
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/octet-stream",
  "garbage",
  ";",
);

const garbage = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "null",
    "[]",
    "{}",
    '"text"',
    "{",
    '{"a":}',
    "[".repeat(100_000),
    '{"a":'.repeat(5000) + "1" + "}".repeat(5000),
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{}}}',
    '{"a":1,"a":2}',
    "\u00ef\u00bb\u00bf{}",
    "\u00ff\u00fe{\0}\0",
    "\u00ed\u00a0\u0080",
    '{"a":"\0"}',
    "artifact[name]=web&artifact[__proto__]=x&__proto__[a]=b",
    "x".repeat(1_100_000),
  ),
  fc.string({ unit: "binary-ascii", maxLength: 50 }),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
);

function breakBody(accepted: fc.Arbitrary<Parts>): fc.Arbitrary<Parts> {
  return fc.tuple(accepted, fc.option(garbage), contentTypes).map(([parts, body, contentType]) => {
    const { "content-type": _dropped, ...headers } = parts.headers;
    return {
      ...parts,
      headers: contentType === undefined ? headers : { ...headers, "content-type": contentType },
      body: body ?? parts.body,
    };
  });
}

/** A body where none belongs. */
function addBody(accepted: fc.Arbitrary<Parts>): fc.Arbitrary<Parts> {
  return breakBody(accepted.map((parts) => ({ ...parts, body: "{}" })));
}

function breakJsonBody(
  { requestBody }: Operation,
  accepted: fc.Arbitrary<Parts>,
  context: RequestContext,
): fc.Arbitrary<Parts> {
  const schema = requestBody?.content["application/json"]?.schema;
  if (!schema) {
    return fc
      .tuple(accepted, fc.constantFrom(...context.files), fc.nat({ max: 400 }))
      .map(([parts, file, at]) => ({
        ...parts,
        body: file.slice(0, at) + file.slice(at + 1),
      }));
  }
  const how = fc.constantFrom<Break>("replace", "replace", "remove", "extend");
  const member = fc.constantFrom("extra", "__proto__", "constructor", "toString", "", "id", "\0", "\u{d800}");
  return fc
    .tuple(accepted, valuesOf(schema, context), fc.record({ place: fc.nat(), how, member, odd: oddJson }))
    .map(([parts, value, where]) => ({ ...parts, body: utf8(writeJson(breakJson(value, where))) }));
}

function utf8(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Percent-encodes; half of a surrogate pair becomes the bytes that no decoder accepts. */
function encodeText(text: string): string {
  return Array.from(text, (point) =>
    point.isWellFormed() ? encodeURIComponent(point) : encodeHalf(point.charCodeAt(0)),
  ).join("");
}

function encodeHalf(unit: number): string {
  const bytes = [0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)];
  return bytes.map((byte) => `%${byte.toString(16)}`).join("");
}

/** What an HTTP client lets through in a header. */
function headerText(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "?").slice(0, 6000);
}

/** Archives as `POST …/configurations` takes them, and damaged ones. */
export function damagedFiles(archive: Uint8Array): string[] {
  const bytes = Buffer.from(archive);
  const files = [
    bytes,
    bytes.subarray(0, bytes.length - 12),
    Buffer.concat([bytes, Buffer.from("trailing")]),
    gzipSync("no tar"),
    gzipSync(Buffer.alloc(2048)),
    gzipSync(Buffer.alloc(512, 0xff)),
    Buffer.from("no gzip"),
    Buffer.alloc(0),
  ];
  return files.map((file) => file.toString("latin1"));
}
