import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createConnection } from "node:net";
import { gunzipSync } from "node:zlib";

export interface RawRequest {
  /** `GET /path HTTP/1.1`, percent-encoding and query as they stand. */
  line: string;
  /** `Name: value`, in the order of the wire; nothing is added. */
  headers: string[];
  body: Buffer;
}

export interface RawReply {
  status: number;
  /** By lower-case name. */
  headers: Map<string, string>;
  body: Buffer;
}

const timeoutMs = 20_000;

export interface SendOptions {
  /** Reads nothing of the reply before the whole request is gone, as simple clients do. */
  bodyFirst?: boolean;
}

/** Sends the very bytes of a request to the URL's host and port: no client library corrects them on the way. */
export async function sendRaw(url: URL, request: RawRequest, options: SendOptions = {}): Promise<RawReply> {
  const socket = createConnection({ host: url.hostname, port: Number(url.port) });
  socket.setTimeout(timeoutMs, () => {
    socket.destroy(new Error(`Cannot finish "${request.line}": no reply in ${timeoutMs} ms`));
  });
  const head = Buffer.from([request.line, ...request.headers, "", ""].join("\r\n"));
  socket.write(Buffer.concat([head, framed(request)]));
  try {
    if (options.bodyFirst) await once(socket, "drain");
    let received: Buffer = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      const reply = parseReply(received);
      if (reply) return reply;
    }
    throw new Error(
      `Cannot read the reply to "${request.line}": the connection ended after ${received.length} bytes`,
    );
  } finally {
    socket.destroy();
  }
}

function framed({ headers, body }: RawRequest): Buffer {
  if (!headers.includes("Transfer-Encoding: chunked")) return body;
  const chunk = [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n")];
  return Buffer.concat([...(body.length > 0 ? chunk : []), Buffer.from("0\r\n\r\n")]);
}

/** The reply once it is there as a whole (RFC 9112, section 6.3). */
function parseReply(received: Buffer): RawReply | undefined {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine = "", ...lines] = received.toString("latin1", 0, headEnd).split("\r\n");
  const headers = new Map(lines.map((line) => splitHeader(line)));
  const status = Number(statusLine.split(" ")[1]);
  const rest = received.subarray(headEnd + 4);
  const body = headers.has("transfer-encoding") ? dechunked(rest) : sized(rest, lengthOf(status, headers));
  if (!body) return undefined;
  return { status, headers, body: headers.get("content-encoding") === "gzip" ? gunzipSync(body) : body };
}

export function splitHeader(line: string): [name: string, value: string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function lengthOf(status: number, headers: Map<string, string>): number {
  return status === 204 ? 0 : Number(headers.get("content-length"));
}

function sized(bytes: Buffer, length: number): Buffer | undefined {
  if (Number.isNaN(length)) throw new Error("Cannot read the reply: it has neither a length nor chunks");
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}

function dechunked(bytes: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  let rest = bytes;
  for (;;) {
    const lineEnd = rest.indexOf("\r\n");
    if (lineEnd < 0) return undefined;
    const length = Number.parseInt(rest.toString("latin1", 0, lineEnd), 16);
    const end = lineEnd + 2 + length + 2;
    if (rest.length < end) return undefined;
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(rest.subarray(lineEnd + 2, end - 2));
    rest = rest.subarray(end);
  }
}
