import { stripVTControlCharacters, styleText } from "node:util";
import type { Environment } from "#core/settings.ts";
import type { Output } from "./terminal.ts";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** How results look where they go. */
export interface Screen {
  /** Columns of a terminal; undefined where nobody counts them. */
  readonly width: number | undefined;
  paint(style: Style | undefined, text: string): string;
}

export const plainScreen: Screen = { width: undefined, paint: (_style, text) => text };

export function screenOf({ isTTY = false, columns }: Output, env: Environment): Screen {
  if (!isTTY) return plainScreen;
  const colourless = Boolean(env["NO_COLOR"]) || env["TERM"] === "dumb";
  return {
    width: columns === undefined || columns < 40 ? undefined : columns,
    paint: (style, text) =>
      colourless || style === undefined ? text : styleText(style, text, { validateStream: false }),
  };
}

export interface Column<Row> {
  title?: string;
  value(row: Row): string;
  align?: "right";
  /** Gives way when the terminal is too narrow. */
  shrinks?: boolean;
  style?(row: Row): Style | undefined;
}

const gap = "  ";
const narrowest = 12;

/** Aligned columns with their titles, one line a row; a column without any value is left out. */
export function formatTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  screen: Screen = plainScreen,
): string {
  const texts = columns.map((column) => rows.map((row) => oneLine(column.value(row))));
  const shown = columns
    .map((column, at) => ({ column, cells: texts[at] ?? [], width: widthOf(column, texts[at] ?? []) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ""));
  shrink(shown, screen.width);
  const line = (cellOf: (at: number) => string, styleOf: (at: number) => Style | undefined) =>
    shown
      .map(({ column, width }, at) => {
        const last = at === shown.length - 1 && column.align !== "right";
        return screen.paint(styleOf(at), pad(cellOf(at), last ? 0 : width, column.align));
      })
      .join(gap)
      .trimEnd();
  const lines = rows.map((row, index) =>
    line(
      (at) => cut(shown[at]?.cells[index] ?? "", shown[at]?.width ?? 0),
      (at) => shown[at]?.column.style?.(row),
    ),
  );
  if (shown.some(({ column }) => column.title !== undefined)) {
    lines.unshift(
      line(
        (at) => shown[at]?.column.title ?? "",
        () => "dim",
      ),
    );
  }
  return lines.map((text) => `${text}\n`).join("");
}

function widthOf<Row>({ title = "" }: Column<Row>, cells: readonly string[]): number {
  return Math.max(title.length, ...cells.map((cell) => cell.length));
}

function shrink<Row>(
  columns: readonly { column: Column<Row>; width: number }[],
  available: number | undefined,
): void {
  const total = columns.reduce((sum, { width }) => sum + width, gap.length * (columns.length - 1));
  let excess = available === undefined ? 0 : total - available;
  const yielding = columns.filter(({ column }) => column.shrinks).sort((a, b) => b.width - a.width);
  for (const each of yielding) {
    const given = Math.max(0, Math.min(excess, each.width - narrowest));
    each.width -= given;
    excess -= given;
  }
}

function pad(text: string, width: number, align: "right" | undefined): string {
  return align === "right" ? text.padStart(width) : text.padEnd(width);
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

/** Names, messages and metadata are other people's text: none of it may steer the terminal. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
}

/** The same for text of several lines. */
export function printable(text: string): string {
  return text.split(/\r?\n/).map(oneLine).join("\n");
}

export type Detail = readonly [label: string, value: string | readonly string[] | null | undefined];

/** Labels and values below one another; what has no value is left out. */
export function formatDetails(details: readonly Detail[], screen: Screen = plainScreen): string {
  const filled = details.flatMap(([label, value]) => {
    const lines = typeof value === "string" ? value.trimEnd().split(/\r?\n/) : (value ?? []);
    return lines.some((line) => line !== "") ? [{ label, lines: lines.map(oneLine) }] : [];
  });
  const width = Math.max(0, ...filled.map(({ label }) => label.length));
  return filled
    .flatMap(({ label, lines }) =>
      lines.map((text, at) => {
        const head = (at === 0 ? label : "").padEnd(width);
        return `  ${screen.paint("dim", head)}${gap}${text}\n`;
      }),
    )
    .join("");
}
