import { StringDecoder } from "node:string_decoder";
import type { Readable } from "node:stream";

/**
 * Cuts bytes into lines. A line longer than `maxLength` characters is replaced as a whole: a part of it could
 * end inside a secret, where masking by value no longer finds it.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #maxLength: number;
  #line = "";
  #length = 0;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  push(chunk: Buffer): string[] {
    const pieces = this.#decoder.write(chunk).split("\n");
    const rest = pieces.pop() ?? "";
    const lines = pieces.map((piece) => this.#finish(piece));
    this.#append(rest);
    return lines;
  }

  end(): string[] {
    this.#append(this.#decoder.end());
    return this.#length > 0 ? [this.#finish("")] : [];
  }

  #append(piece: string): void {
    this.#length += piece.length;
    this.#line = this.#length > this.#maxLength ? "" : this.#line + piece;
  }

  #finish(piece: string): string {
    this.#append(piece);
    const line =
      this.#length > this.#maxLength ? `(line of ${this.#length} characters left out)` : this.#line;
    this.#line = "";
    this.#length = 0;
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}

/**
 * Reads a stream to its end and delivers its lines one after another; while a delivery is pending nothing more
 * is read. Once a delivery has failed, the rest is read and dropped, so that the writer is not blocked.
 */
export class LineReader {
  /** Never rejects; see `error`. */
  readonly done: Promise<void>;
  error: unknown;
  /** Grows with every chunk that arrives and every delivery that ends. */
  activity = 0;
  isDelivering = false;

  readonly #source: Readable;
  readonly #deliver: (line: string) => void | Promise<void>;
  readonly #splitter: LineSplitter;
  #isAbandoned = false;

  constructor(source: Readable, deliver: (line: string) => void | Promise<void>, maxLength: number) {
    this.#source = source;
    this.#deliver = deliver;
    this.#splitter = new LineSplitter(maxLength);
    this.done = this.#read();
  }

  /** Ends the reading although the other end is still open. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#source.destroy();
  }

  async #read(): Promise<void> {
    try {
      for await (const chunk of this.#source as AsyncIterable<Buffer>) {
        this.activity++;
        await this.#deliverAll(this.#splitter.push(chunk));
      }
    } catch (error) {
      if (!this.#isAbandoned) this.error ??= error;
    }
    await this.#deliverAll(this.#splitter.end());
  }

  async #deliverAll(lines: readonly string[]): Promise<void> {
    if (this.error !== undefined) return;
    this.isDelivering = true;
    try {
      for (const line of lines) await this.#deliver(line);
    } catch (error) {
      this.error = error;
    } finally {
      this.isDelivering = false;
      this.activity++;
    }
  }
}

/** Waits until the readers end, and abandons them once nothing has arrived for `idleMs`. */
export async function drain(readers: readonly LineReader[], idleMs: number): Promise<void> {
  const done = Promise.all(readers.map((reader) => reader.done));
  for (;;) {
    const before = sumActivity(readers);
    if (await endsWithin(done, idleMs)) return;
    const isIdle = sumActivity(readers) === before && !readers.some((reader) => reader.isDelivering);
    if (isIdle) for (const reader of readers) reader.abandon();
  }
}

function sumActivity(readers: readonly LineReader[]): number {
  return readers.reduce((sum, reader) => sum + reader.activity, 0);
}

async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), promise]);
  } finally {
    clearTimeout(timer);
  }
}
