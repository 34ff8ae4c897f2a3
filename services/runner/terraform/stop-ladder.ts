import { codeOf } from "#core/errors.ts";

export type StopReason = "canceled" | "timed out" | "force-canceled";

export type StopPauses = {
  /** Between the first and the second interrupt after a timeout: time to save the state and release the lock. */
  graceMs: number;
  /** Between the second interrupt and SIGKILL. */
  killAfterMs: number;
};

// Two interrupts sent at once can arrive as one.
const betweenInterruptsMs = 500;

/**
 * Stops a Terraform that leads its own process group. The first SIGINT lets it finish what is in flight, save
 * the state and release the lock; the second makes it exit at once; SIGKILL loses what is not saved.
 */
export class StopLadder implements Disposable {
  reason: StopReason | undefined;
  readonly #pid: number;
  readonly #pauses: StopPauses;
  #interrupts = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(pid: number, pauses: StopPauses) {
    this.#pid = pid;
    this.#pauses = pauses;
  }

  cancel(): void {
    if (this.reason !== undefined || this.#isOver) return;
    this.reason = "canceled";
    this.#interrupt();
  }

  timeOut(): void {
    if (this.reason === "force-canceled" || this.#isOver) return;
    this.reason = "timed out";
    this.#escalate(this.#pauses.graceMs);
  }

  forceCancel(): void {
    if (this.#isOver) return;
    this.reason = "force-canceled";
    this.#escalate(betweenInterruptsMs);
  }

  /** Says that the leader has exited, and ends whatever it left behind in its group. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#killGroup();
  }

  #escalate(pauseMs: number): void {
    if (this.#interrupts > 0) return this.#interruptThenKill();
    this.#interrupt();
    this.#later(pauseMs, () => this.#interruptThenKill());
  }

  #interruptThenKill(): void {
    this.#interrupt();
    this.#later(this.#pauses.killAfterMs, () => this.#killGroup());
  }

  #later(ms: number, step: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(step, ms);
  }

  #interrupt(): void {
    this.#interrupts++;
    signal(this.#pid, "SIGINT");
  }

  #killGroup(): void {
    signal(-this.#pid, "SIGKILL");
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // Gone already, or only processes of other users are left, which have escaped for good.
    if (codeOf(error) !== "ESRCH" && codeOf(error) !== "EPERM") throw error;
  }
}
