import { formatBytes, formatDuration } from "./format.ts";
import type { Output } from "./terminal.ts";

export interface Progress extends Disposable {
  /** Bytes sent so far. */
  report(sentBytes: number): void;
}

export interface ProgressOptions {
  totalBytes: number;
  /** Milliseconds; a test sets its own. */
  now?: () => number;
}

const barEveryMs = 100;
const lineEveryMs = 10_000;
const barWidth = 24;

/** A bar that repaints itself on a terminal; in a log, a line now and then of an upload that takes long. */
export function showProgress(output: Output, options: ProgressOptions): Progress {
  const { totalBytes, now = () => performance.now() } = options;
  const started = now();
  const everyMs = output.isTTY ? barEveryMs : lineEveryMs;
  let shownAt = output.isTTY ? -Infinity : started;
  return {
    report(sentBytes) {
      const time = now();
      if (time - shownAt < everyMs && !(output.isTTY && sentBytes === totalBytes)) return;
      shownAt = time;
      const state = { sentBytes, totalBytes, elapsedMs: time - started };
      output.write(output.isTTY ? `\r${formatBar(state)}\u001b[K` : `${formatAmount(state)}\n`);
    },
    [Symbol.dispose]() {
      if (output.isTTY) output.write("\r\u001b[K");
    },
  };
}

interface ProgressState {
  sentBytes: number;
  totalBytes: number;
  elapsedMs: number;
}

/** `45% ███████                   123 MB of 270 MB  12.3 MB/s  0:12 left` */
export function formatBar(state: ProgressState): string {
  const { sentBytes, totalBytes, elapsedMs } = state;
  const share = totalBytes === 0 ? 1 : sentBytes / totalBytes;
  const filled = Math.round(share * barWidth);
  const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
  const percent = String(Math.floor(share * 100)).padStart(3);
  const end = sentBytes === totalBytes ? "storing" : `${formatDuration(leftMs(state))} left`;
  const rate = elapsedMs > 0 ? `${formatBytes((sentBytes / elapsedMs) * 1000)}/s` : "";
  return [`${percent}% ${bar}`, `${formatBytes(sentBytes)} of ${formatBytes(totalBytes)}`, rate, end].join(
    "  ",
  );
}

function formatAmount({ sentBytes, totalBytes }: ProgressState): string {
  const percent = Math.floor((sentBytes / totalBytes) * 100);
  return `Sent ${formatBytes(sentBytes)} of ${formatBytes(totalBytes)} (${percent}%)`;
}

function leftMs({ sentBytes, totalBytes, elapsedMs }: ProgressState): number {
  return sentBytes === 0 ? 0 : (elapsedMs / sentBytes) * (totalBytes - sentBytes);
}
