import { expect, test } from "vitest";
import { createLog } from "./log.ts";
import { scrub } from "./scrub.ts";

const token = "ingot_kP1x9Qf0c2mYb7R4t6uVwXyZ-aBcDeFgHiJkLmNoPq_";
const secret = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE";

test.each([
  ["a token", `got ${token}.`, "got [scrubbed]."],
  ["a token in an encoded query", `token%3D${token}`, "token%3D[scrubbed]"],
  [
    "an access token of another make",
    "/search?access_token=x.atlasv1.y&version=1",
    "/search?access_token=[scrubbed]&version=1",
  ],
  [
    "an access token in an encoded query",
    "?to=%2Ff%3Faccess_token%3Dabc",
    "?to=%2Ff%3Faccess_token%3D[scrubbed]",
  ],
  ["bearer credentials", "authorization: Bearer abc.def-0123", "authorization: Bearer [scrubbed]"],
  ["basic credentials", "Authorization: Basic YWRtaW46c2VjcmV0", "Authorization: Basic [scrubbed]"],
  [
    "a database password",
    "postgres://ingot:pa:ss@db:5432/ingot",
    "postgres://ingot:[scrubbed]@db:5432/ingot",
  ],
  ["a password with an @", "postgresql://ingot:p@ss@db/ingot", "postgresql://ingot:[scrubbed]@db/ingot"],
  ["a bus password", "nats://ingot:pass@bus:4222", "nats://ingot:[scrubbed]@bus:4222"],
  ["an upload address", `PUT http://h/api/v1/uploads/${secret}`, "PUT http://h/api/v1/uploads/[scrubbed]"],
  ["an upload token", `{"upload_token":"${secret}"}`, '{"upload_token":"[scrubbed]"}'],
  ["a header", '{"X-Atlas-Token": "abc"}', '{"X-Atlas-Token": "[scrubbed]"}'],
  ["a password with a quote", String.raw`{"password":"a\"b","x":1}`, '{"password":"[scrubbed]","x":1}'],
  [
    "JSON inside a string",
    String.raw`{"m":"{\"password\":\"abc\",\"x\":1}"}`,
    String.raw`{"m":"{\"password\":\"[scrubbed]\",\"x\":1}"}`,
  ],
])("%s is scrubbed", (_what, text, expected) => {
  expect(scrub(text)).toBe(expected);
});

test.each([
  "GET /api/v1/artifacts/acmeinc/web/amazon.image/search?version=latest",
  "https://ingot.example.com:7373/docs",
  "see https://example.com/a@b",
  '{"artifact":"acmeinc/web","version":7}',
])("%s stays as it is", (text) => {
  expect(scrub(text)).toBe(text);
});

test("no line of the log has a credential", () => {
  const lines: string[] = [];
  const log = createLog({ level: "debug", destination: { write: (line) => void lines.push(line) } });

  log.info({ url: `/api/v1/uploads/${secret}`, headers: { authorization: `Bearer ${token}` } }, "request");
  log
    .child({ token })
    .error({ err: new Error(`cannot reach postgres://u:hunter2@db/x with ${token}`) }, "failed");
  log.debug({ nested: JSON.stringify({ password: "hunter2" }) }, `?access_token=${secret}`);

  const text = lines.join("");
  expect(lines).toHaveLength(3);
  for (const credential of [token, secret, "hunter2"]) expect(text).not.toContain(credential);
  expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual([
    "info",
    "error",
    "debug",
  ]);
});
