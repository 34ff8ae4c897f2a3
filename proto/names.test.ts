import { expect, test } from "vitest";
import { canonicalType, readReference } from "./names.ts";

test.each([
  ["acmeinc/web:latest", { namespace: "acmeinc", name: "web", version: "latest" }],
  ["acmeinc/web:7", { namespace: "acmeinc", name: "web", version: 7 }],
  [
    "acmeinc/web.2_x:blue-green",
    { namespace: "acmeinc", name: "web.2_x", version: { channel: "blue-green" } },
  ],
])("%s is a reference", (text, reference) => {
  expect(readReference(text)).toEqual(reference);
});

test.each([
  "acmeinc/web",
  "web:latest",
  "acmeinc/web:",
  "acmeinc/web:0",
  "acmeinc/web:2147483648",
  "a/b/c:1",
  "a b/c:1",
])("%j is none", (text) => {
  expect(readReference(text)).toBeUndefined();
});

test("Amazon's older type names are aliases, and any other type is itself", () => {
  expect(["amazon.ami", "aws.ami", "amazon.image", "constructor"].map(canonicalType)).toEqual([
    "amazon.image",
    "amazon.image",
    "amazon.image",
    "constructor",
  ]);
});
