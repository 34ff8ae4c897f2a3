import type { HttpApp } from "./app.ts";

/** A text that PostgreSQL cannot store and no reader expects. */
export class TextInvalidError extends Error {
  override readonly name = "TextInvalidError";
  readonly statusCode = 400;
  constructor(where: string) {
    super(`Cannot read ${where}: a text in it has a NUL character or half of a surrogate pair`);
  }
}

/** Refuses such texts anywhere in parameters, query and JSON body, before a route sees them. */
export function refuseBrokenText(app: Pick<HttpApp, "addHook">): void {
  app.addHook("preValidation", async (request) => {
    if (request.is404) return;
    if (hasBrokenText(request.params)) throw new TextInvalidError("the path");
    if (hasBrokenText(request.query)) throw new TextInvalidError("the query");
    if (isPlain(request.body) && hasBrokenText(request.body)) throw new TextInvalidError("the body");
  });
}

function hasBrokenText(value: unknown): boolean {
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    if (typeof next === "string" && (next.includes("\0") || !next.isWellFormed())) return true;
    if (typeof next !== "object" || next === null) continue;
    for (const [key, member] of Object.entries(next)) rest.push(key, member);
  }
  return false;
}

/** JSON, and neither bytes nor a stream. */
function isPlain(body: unknown): boolean {
  if (typeof body !== "object" || body === null) return false;
  return (
    Array.isArray(body) || [Object.prototype, null].includes(Object.getPrototypeOf(body) as object | null)
  );
}
