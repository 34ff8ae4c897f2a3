import { expect, test } from "vitest";
import { formatDetails, formatTable, plainScreen, screenOf } from "./table.ts";

interface Row {
  name: string;
  size: string;
  note: string;
}

const columns = [
  { title: "NAME", value: ({ name }: Row) => name, shrinks: true },
  { title: "SIZE", value: ({ size }: Row) => size, align: "right" as const },
  { title: "NOTE", value: ({ note }: Row) => note },
];
const row = (name: string, size = "1", note = "") => ({ name, size, note });

test("columns are aligned, and one without a value is left out", () => {
  expect(formatTable([row("a", "100"), row("long", "2")], columns)).toBe(
    "NAME  SIZE\na      100\nlong     2\n",
  );
});

test("a wide column gives way on a narrow terminal", () => {
  const screen = { ...plainScreen, width: 30 };

  const table = formatTable([row("x".repeat(60), "1", "note")], columns, screen);

  expect(table).toBe(`NAME                SIZE  NOTE\n${"x".repeat(17)}…     1  note\n`);
});

test("foreign text cannot steer the terminal", () => {
  const table = formatTable([row("a\u001b[2Jb\nc\u009b31m\u0007")], columns.slice(0, 1));

  expect(table).toBe("NAME\nab c\n");
});

test("details leave out what has no value and indent further lines", () => {
  expect(
    formatDetails([
      ["state", "planned"],
      ["error", null],
      ["inputs", ["one", "two"]],
      ["none", []],
    ]),
  ).toBe("  state   planned\n  inputs  one\n          two\n");
});

test("colour is for a terminal without NO_COLOR", () => {
  const tty = { write: () => undefined, isTTY: true, columns: 80 };
  const painted = [
    screenOf(tty, {}),
    screenOf(tty, { NO_COLOR: "1" }),
    screenOf({ ...tty, isTTY: false }, {}),
  ].map((screen) => screen.paint("red", "x"));

  expect(painted).toEqual(["\u001b[31mx\u001b[39m", "x", "x"]);
});
