/** A loop waits on it, anybody may ring it; a ring while nobody waits is remembered once. */
export class Wake {
  #rung = false;
  #waiter: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#waiter?.();
  }

  /** Returns after a ring, after `timeoutMs`, or when the signal aborts. */
  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, timeoutMs);
        this.#waiter = done;
        signal.addEventListener("abort", done);
      });
      this.#waiter = undefined;
    }
    this.#rung = false;
  }
}
