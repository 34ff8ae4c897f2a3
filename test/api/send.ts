import { Buffer } from "node:buffer";
import http from "node:http";
import type { WireRequest } from "./requests.ts";

export interface WireReply {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

export interface Sender extends Disposable {
  /** Throws when no answer comes, or the connection breaks. */
  send(request: WireRequest): Promise<WireReply>;
}

const timeoutMs = 10_000;

/** One connection that stays open, so that a request which blocks it is noticed by the next. */
export function createSender(url: string): Sender {
  const { hostname, port } = new URL(url);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return {
    send: (request) => exchange({ agent, hostname, port }, request),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

function exchange(
  target: { agent: http.Agent; hostname: string; port: string },
  { method, path, headers, body }: WireRequest,
): Promise<WireReply> {
  const { promise, resolve, reject } = Promise.withResolvers<WireReply>();
  const bytes = body === undefined ? undefined : Buffer.from(body, "latin1");
  const framing = bytes ? { "content-length": String(bytes.length) } : {};
  const outgoing = http.request({ ...target, method, path, headers: { ...headers, ...framing } });
  const timer = setTimeout(() => outgoing.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
  outgoing.on("error", (error) => {
    clearTimeout(timer);
    reject(new Error(`${method} ${path.slice(0, 300)}: ${error.message}`, { cause: error }));
  });
  outgoing.on("response", (incoming) => {
    const chunks: Buffer[] = [];
    const { statusCode: status = 0, headers: received } = incoming;
    const done = () => {
      clearTimeout(timer);
      resolve({ status, headers: received, text: Buffer.concat(chunks).toString() });
    };
    // A stream goes on until the run ends; its head is the answer.
    if (received["content-type"]?.startsWith("text/event-stream") && method !== "HEAD") {
      incoming.on("error", () => undefined);
      done();
      outgoing.destroy();
      return;
    }
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", done);
    incoming.on("error", reject);
  });
  outgoing.end(bytes);
  return promise;
}
