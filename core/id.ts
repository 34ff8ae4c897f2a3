import { v7 } from "uuid";

/** A UUID that sorts by the time of its making (RFC 9562, version 7). */
export function uuidv7(): string {
  return v7();
}
