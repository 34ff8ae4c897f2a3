import { expect, test } from "vitest";
import { formatAgo, formatBytes, formatCount, formatDuration } from "./format.ts";

test("sizes have three digits at most", () => {
  expect([0, 999, 1000, 12_345, 999_499, 999_500, 270_000_000, 5e12].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 kB",
    "12.3 kB",
    "999 kB",
    "1.0 MB",
    "270 MB",
    "5.0 TB",
  ]);
});

test("durations read like a clock", () => {
  expect([400, 7000, 750_000, 3_723_000].map(formatDuration)).toEqual(["0:00", "0:07", "12:30", "1:02:03"]);
});

test("times are told from now", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  const ago = (seconds: number) => formatAgo(new Date(now - seconds * 1000).toISOString(), now);

  expect([1, 42, 300, 7200, 12 * 86_400, -7200, -30 * 86_400].map(ago)).toEqual([
    "just now",
    "42 s ago",
    "5 min ago",
    "2 h ago",
    "12 d ago",
    "in 2 h",
    "in 30 d",
  ]);
  expect(ago(400 * 86_400)).toMatch(/^2025-10-1\d$/);
  expect(formatAgo(null)).toBe("");
});

test("counts agree with their noun", () => {
  expect([formatCount(1, "file"), formatCount(2, "file")]).toEqual(["1 file", "2 files"]);
});
