import { pino, type DestinationStream, type Logger } from "pino";
import { scrub } from "./scrub.ts";

export type Log = Logger;
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

/** JSON lines on `destination` (standard error by default), with credentials scrubbed from every line. */
export function createLog(options: { level: LogLevel; destination?: DestinationStream }): Log {
  const sink = options.destination ?? { write: (line: string) => void process.stderr.write(line) };
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => sink.write(scrub(line)) },
  );
}
