import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { CursorInvalidError, decodeIntegerCursor, decodeTextCursor, encodeCursor, toPage } from "./cursor.ts";

test("a cursor gives its key back", () => {
  expect(decodeIntegerCursor(encodeCursor(20_000))).toBe(20_000);
  expect(decodeTextCursor(encodeCursor("acmeinc/wéb"))).toBe("acmeinc/wéb");
  expect([decodeIntegerCursor(undefined), decodeTextCursor(undefined)]).toEqual([undefined, undefined]);
});

test.each([
  "",
  "x",
  "%%%",
  encodeCursor("text"),
  encodeCursor(1.5),
  encodeCursor(-1),
  encodeCursor(2 ** 60),
  Buffer.from("null").toString("base64url"),
  Buffer.from("[1]").toString("base64url"),
])("%j is no cursor of a list by number", (cursor) => {
  expect(() => decodeIntegerCursor(cursor)).toThrow(CursorInvalidError);
});

test("a key that the column cannot hold is no cursor", () => {
  expect(() => decodeIntegerCursor(encodeCursor(2 ** 31), { max: 2 ** 31 - 1 })).toThrow(
    `Cannot read the page after "${encodeCursor(2 ** 31)}": it is no cursor that a page of this list gave`,
  );
});

test.each(["", encodeCursor(5), encodeCursor("a\0b")])("%j is no cursor of a list by text", (cursor) => {
  expect(() => decodeTextCursor(cursor)).toThrow(CursorInvalidError);
});

test("one row more than the limit means that there is a next page", () => {
  const of = { key: (row: number) => row, item: (row: number) => `item ${row}` };

  expect(toPage([3, 2, 1], 2, of)).toEqual({ items: ["item 3", "item 2"], next: encodeCursor(2) });
  expect(toPage([3, 2], 2, of)).toEqual({ items: ["item 3", "item 2"], next: null });
  expect(toPage([], 2, of)).toEqual({ items: [], next: null });
});
