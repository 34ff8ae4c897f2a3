import { expect, test } from "vitest";
import { showProgress } from "./progress.ts";

function watch({ isTTY, totalBytes }: { isTTY: boolean; totalBytes: number }) {
  const written: string[] = [];
  let time = 0;
  const output = { isTTY, write: (text: string) => void written.push(text) };
  const progress = showProgress(output, { totalBytes, now: () => time });
  const report = (atMs: number, sentBytes: number) => {
    time = atMs;
    progress.report(sentBytes);
  };
  return { written, report, progress };
}

test("a bar on a terminal says percent, bytes, rate and time left", () => {
  const { written, report, progress } = watch({ isTTY: true, totalBytes: 200_000_000 });

  report(1000, 50_000_000);
  report(1050, 51_000_000);
  report(1100, 200_000_000);
  progress[Symbol.dispose]();

  expect(written).toEqual([
    "\r 25% ██████░░░░░░░░░░░░░░░░░░  50.0 MB of 200 MB  50.0 MB/s  0:03 left\u001b[K",
    "\r100% ████████████████████████  200 MB of 200 MB  182 MB/s  storing\u001b[K",
    "\r\u001b[K",
  ]);
});

test("a log gets a line every ten seconds", () => {
  const { written, report, progress } = watch({ isTTY: false, totalBytes: 200_000_000 });

  for (const seconds of [1, 9, 11, 15, 22]) report(seconds * 1000, seconds * 1_000_000);
  progress[Symbol.dispose]();

  expect(written).toEqual(["Sent 11.0 MB of 200 MB (5%)\n", "Sent 22.0 MB of 200 MB (11%)\n"]);
});
