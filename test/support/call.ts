export interface CallOptions {
  /** Null for none. */
  token?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Reply {
  status: number;
  body: never;
}

/** One call with a JSON body; the reply's body is parsed where it is JSON, else it is the text. */
export async function callApi(
  method: string,
  url: string,
  { token = null, body, headers = {} }: CallOptions,
): Promise<Reply> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return { status: response.status, body: (isJson && text !== "" ? JSON.parse(text) : text) as never };
}
