import { Readable } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LineReader, LineSplitter } from "./line-reader.ts";

function split(chunks: Buffer[], maxLength = 1000): string[] {
  const splitter = new LineSplitter(maxLength);
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
}

test("lines do not depend on where the chunks are cut", () => {
  const text = fc.string({ unit: "grapheme" }).map((line) => line.replace(/[\r\n]/g, ""));
  fc.assert(
    fc.property(fc.array(text), fc.array(fc.nat(40)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
      const chunks: Buffer[] = [];
      let start = 0;
      for (const length of cuts) chunks.push(bytes.subarray(start, (start += length)));

      expect(split([...chunks, bytes.subarray(start)])).toEqual(lines);
    }),
  );
});

test("carriage returns before a line feed are dropped, and the last line needs no end", () => {
  expect(split([Buffer.from("a\r"), Buffer.from("\n\nb\rc\nd")])).toEqual(["a", "", "b\rc", "d"]);
});

test("a line that is too long is replaced as a whole", () => {
  expect(split([Buffer.from("123456"), Buffer.from("78\n1234\n12345")], 4)).toEqual([
    "(line of 8 characters left out)",
    "1234",
    "(line of 5 characters left out)",
  ]);
});

test("nothing more is read while a delivery is pending", async () => {
  let produced = 0;
  const source = new Readable({
    highWaterMark: 1,
    read: () => void source.push(produced++ < 50 ? "line\n" : null),
  });
  const gate = Promise.withResolvers<void>();
  const lines: string[] = [];

  const reader = new LineReader(source, (line) => (lines.push(line), gate.promise), 1000);
  await new Promise((resolve) => setImmediate(resolve));
  const readSoFar = produced;
  gate.resolve();
  await reader.done;

  expect(readSoFar).toBeLessThan(5);
  expect(lines).toHaveLength(50);
});

test("after a failed delivery the rest is read and dropped", async () => {
  const lines: string[] = [];
  const deliver = (line: string): void => {
    lines.push(line);
    throw new Error("disk full");
  };

  const reader = new LineReader(Readable.from([Buffer.from("a\n"), Buffer.from("b\n")]), deliver, 1000);
  await reader.done;

  expect({ lines, error: reader.error }).toEqual({ lines: ["a"], error: new Error("disk full") });
});
