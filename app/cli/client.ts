import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "./connection.ts";
import { RefusedError, UnreachableError } from "./errors.ts";
import { readRefusal, toUnreachable } from "./failures.ts";

export type Query = Record<string, string | number | readonly string[] | undefined>;

export interface Call {
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  /** Makes the call safe to repeat: it is tried again when the connection breaks or the server is busy. */
  idempotencyKey?: string;
  headers?: Record<string, string>;
  /** Statuses that have a reply to read although they are no success. */
  accept?: readonly number[];
}

export interface StreamCall {
  headers?: Record<string, string>;
  /** Sent as it comes. */
  bytes?: AsyncIterable<Uint8Array>;
  signal?: AbortSignal;
}

/** Speaks to one server. Throws RefusedError, and UnreachableError when nothing answers. */
export interface Client {
  readonly url: string;
  call<T>(method: string, path: string, call?: Call): Promise<T>;
  text(path: string): Promise<string>;
  /** Items of as many pages as it takes. */
  list<T>(path: string, options: { query?: Query; limit: number }): Promise<{ items: T[]; more: boolean }>;
  /** A reply or a request that is read or written piece by piece. A whole URL gets no token: it is its own. */
  stream(method: string, pathOrUrl: string, call?: StreamCall): Promise<Response>;
}

const answerWithinMs = 60_000;
const largestPage = 200;
const retryAfterMs = [250, 500, 1000, 2000];

export function newIdempotencyKey(): string {
  return randomUUID();
}

export function openClient({ url, token }: Connection): Client {
  const credentials = token === undefined ? {} : { authorization: `Bearer ${token}` };

  async function send(address: string, init: RequestInit, accept: readonly number[] = []): Promise<Response> {
    const response = await fetch(address, init).catch((error: unknown) => {
      throw toUnreachable(url, error);
    });
    if (response.ok || accept.includes(response.status)) return response;
    throw await readRefusal(response, { hasToken: token !== undefined });
  }

  async function call<T>(method: string, path: string, options: Call = {}): Promise<T> {
    const { query = {}, body, idempotencyKey, headers, accept } = options;
    const init = {
      method,
      headers: {
        ...credentials,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    return withRetries(idempotencyKey === undefined ? [] : retryAfterMs, async () => {
      const signal = AbortSignal.timeout(answerWithinMs);
      const response = await send(`${url}${path}${formatQuery(query)}`, { ...init, signal }, accept);
      return (await readBody(url, response)) as T;
    });
  }

  return {
    url,
    call,
    text: (path) => call<string>("GET", path),
    list: (path, options) => listPages(call, path, options),
    stream(method, pathOrUrl, { headers, bytes, signal } = {}) {
      const foreign = URL.canParse(pathOrUrl);
      return send(foreign ? pathOrUrl : `${url}${pathOrUrl}`, {
        method,
        headers: { ...(!foreign && credentials), ...headers },
        ...(bytes && { body: ReadableStream.from(bytes), duplex: "half" }),
        ...(signal && { signal }),
      });
    },
  };
}

async function readBody(url: string, response: Response): Promise<unknown> {
  const text = await response.text().catch((error: unknown) => {
    throw toUnreachable(url, error);
  });
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  if (response.status === 204) return null;
  return isJson ? (JSON.parse(text) as unknown) : text;
}

export async function withRetries<T>(delaysMs: readonly number[], attempt: () => Promise<T>): Promise<T> {
  for (const delayMs of delaysMs) {
    try {
      return await attempt();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await sleep(delayMs);
    }
  }
  return attempt();
}

/** Whether trying again can help. */
export function isPassing(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  return error instanceof RefusedError && [502, 503, 504].includes(error.status);
}

async function listPages<T>(
  call: Client["call"],
  path: string,
  { query = {}, limit }: { query?: Query; limit: number },
): Promise<{ items: T[]; more: boolean }> {
  const items: T[] = [];
  let after: string | undefined;
  do {
    const asked = { ...query, limit: Math.min(limit - items.length, largestPage), after };
    const page = await call<{ items: T[]; next: string | null }>("GET", path, { query: asked });
    items.push(...page.items);
    after = page.next ?? undefined;
  } while (after !== undefined && items.length < limit);
  return { items, more: after !== undefined };
}

function formatQuery(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const each of typeof value === "object" ? value : [value]) {
      if (each !== undefined) parameters.append(key, String(each));
    }
  }
  return parameters.size === 0 ? "" : `?${parameters.toString()}`;
}
