import { Buffer } from "node:buffer";
import { InvalidError } from "../errors.ts";

/** An opaque page cursor over the sort key of the last item. */
export function encodeCursor(key: string | number): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** @param max the largest key that the sorted column can hold. */
export function decodeIntegerCursor(
  cursor: string | undefined,
  { max = Number.MAX_SAFE_INTEGER }: { max?: number } = {},
): number | undefined {
  if (cursor === undefined) return undefined;
  const key = decode(cursor);
  if (typeof key !== "number" || !Number.isSafeInteger(key) || key < 0 || key > max) {
    throw new CursorInvalidError(cursor);
  }
  return key;
}

export function decodeTextCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const key = decode(cursor);
  if (typeof key !== "string" || key.includes("\0")) throw new CursorInvalidError(cursor);
  return key;
}

function decode(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    throw new CursorInvalidError(cursor);
  }
}

export class CursorInvalidError extends InvalidError {
  constructor(cursor: string) {
    super(`Cannot read the page after "${cursor}": it is no cursor that a page of this list gave`);
  }
}

/** Cuts one row more than `limit` into a page with its cursor. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  { key, item }: { key: (row: Row) => string | number; item: (row: Row) => Item },
): { items: Item[]; next: string | null } {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  const next = rows.length > limit && last !== undefined ? encodeCursor(key(last)) : null;
  return { items: kept.map(item), next };
}
