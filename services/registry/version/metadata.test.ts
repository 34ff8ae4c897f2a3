import { expect, test } from "vitest";
import { deriveMetadata, metadataLimitBytes, readMetadata } from "./metadata.ts";

test.each([
  ["us-east-1:ami-1", { ami_id: "ami-1", region: "us-east-1" }],
  ["us-east-1:ami-2,eu-west-1:ami-1", { ami_id: "ami-2,ami-1", region: "us-east-1,eu-west-1" }],
  ["us-gov-west-1:ami-1, us-east-1:ami-2", { ami_id: "ami-1,ami-2", region: "us-gov-west-1,us-east-1" }],
])("an Amazon image %j has its ids and regions in their order", (externalId, expected) => {
  expect(deriveMetadata("amazon.image", { externalId, metadata: {} })).toEqual(expected);
});

test.each([
  "",
  "ami-1",
  "us-east-1:",
  ":ami-1",
  "us-east-1:ami-1,",
  "us-east-1:ami-1:x",
  "US:ami-1",
  "a:b,c",
])("nothing is derived from %j", (externalId) => {
  expect(deriveMetadata("amazon.image", { externalId, metadata: { os: "debian" } })).toEqual({
    os: "debian",
  });
});

test("nothing is derived for other types", () => {
  const build = { externalId: "us-east-1:ami-1", metadata: {} };

  expect(deriveMetadata("googlecompute.image", build)).toEqual({});
});

test("what the publisher gave stays", () => {
  const build = { externalId: "us-east-1:ami-1", metadata: { region: "mine", other: "" } };

  expect(deriveMetadata("amazon.image", build)).toEqual({ region: "mine", ami_id: "ami-1", other: "" });
});

test.each([
  [null, {}],
  [undefined, {}],
  [{}, {}],
  [
    { a: "", "b.c d": "é" },
    { a: "", "b.c d": "é" },
  ],
])("metadata %j is read", (value, expected) => {
  expect(readMetadata(value)).toEqual(expected);
});

test.each([
  [["a"], "Cannot read metadata: expected an object of strings"],
  ["text", "Cannot read metadata: expected an object of strings"],
  [{ ok: "1", count: 5 }, 'Cannot read metadata "count": expected a string'],
  [{ list: ["a"] }, 'Cannot read metadata "list": expected a string'],
  [{ none: null }, 'Cannot read metadata "none": expected a string'],
])("metadata %j is refused", (value, message) => {
  expect(() => readMetadata(value)).toThrow(message);
});

test("metadata larger than the limit is refused with the limit", () => {
  const fits = { a: "x".repeat(metadataLimitBytes - '{"a":""}'.length) };

  expect(readMetadata(fits)).toEqual(fits);
  expect(() => readMetadata({ a: `${fits.a}x` })).toThrow(
    `Cannot publish with ${metadataLimitBytes + 1} bytes of metadata: at most ${metadataLimitBytes} are kept`,
  );
});
