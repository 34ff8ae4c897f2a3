import { randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { createSecretBox, SealBrokenError, SecretTooShortError } from "./secret-box.ts";

const box = createSecretBox(randomBytes(32));
const text = Buffer.from("the state of acmeinc/prod");

test("what is sealed opens with the same key and context", () => {
  expect(box.open(box.seal(text, "state 1"), "state 1")).toEqual(text);
  expect(box.open(box.seal(Buffer.alloc(0), "state 1"), "state 1")).toHaveLength(0);
});

test("the same bytes never look the same when sealed", () => {
  const sealed = [box.seal(text, "state 1"), box.seal(text, "state 1")];

  expect(sealed[0]).not.toEqual(sealed[1]);
  expect(sealed[0]?.includes(text)).toBe(false);
});

test("another context does not open it", () => {
  expect(() => box.open(box.seal(text, "state 1"), "state 2")).toThrow(
    'Cannot decrypt "state 2": the key is another one, or the data is damaged',
  );
});

test("another key does not open it", () => {
  const other = createSecretBox(randomBytes(32));

  expect(() => other.open(box.seal(text, "state 1"), "state 1")).toThrow(SealBrokenError);
});

test("a change of any byte is noticed", () => {
  const sealed = box.seal(text, "state 1");

  for (const index of sealed.keys()) {
    const damaged = Buffer.from(sealed);
    damaged[index] = (damaged[index] ?? 0) ^ 1;
    expect(() => box.open(damaged, "state 1"), `byte ${index}`).toThrow(SealBrokenError);
  }
});

test("what is cut short is noticed", () => {
  const sealed = box.seal(text, "state 1");

  for (let length = 0; length < sealed.length; length++) {
    expect(() => box.open(sealed.subarray(0, length), "state 1"), `${length} bytes`).toThrow(SealBrokenError);
  }
});

test("a key of fewer than 32 bytes is refused", () => {
  expect(() => createSecretBox(randomBytes(31))).toThrow(SecretTooShortError);
});
