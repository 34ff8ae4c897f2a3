/** What travels: any object with these members; the rest of it is the reader's business. */
export interface Message {
  /** Unique; a message that arrives twice has the same id. */
  readonly id: string;
  /** What kind of fact: `artifact.version.published`. */
  readonly type: string;
  /** What it is about: messages of one subject arrive in the order of their publication. */
  readonly subject: string;
}

export interface Reader<M extends Message> {
  /** Names the durable position: a reader that comes back goes on where it was. */
  name: string;
  types: readonly string[];
  /** Returns after its own commit. A message may come again, so the effect must be idempotent by its id. */
  handle(message: M): Promise<void>;
}

/**
 * Durable, at least once, in order per subject. A message whose handler fails comes again with backoff and holds
 * back later ones of its subject; after the last attempt it becomes a dead letter and the subject goes on.
 */
export interface Bus extends AsyncDisposable {
  /** Returns when the messages are durable. The same id published again has no effect. */
  publish(messages: readonly Message[]): Promise<void>;
  read<M extends Message>(reader: Reader<M>): Promise<AsyncDisposable>;
  deadLetters(): Promise<DeadLetter[]>;
}

export interface DeadLetter {
  reader: string;
  message: Message;
  /** The last attempt's error. */
  error: string;
  attempts: number;
  failedAt: Date;
}

export interface RetryPolicy {
  attempts: number;
  /** Wait after the first failure, in seconds; doubles each time, with jitter. */
  backoffSeconds: number;
  maxBackoffSeconds: number;
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 10, backoffSeconds: 1, maxBackoffSeconds: 300 };
