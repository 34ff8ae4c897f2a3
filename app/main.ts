import process from "node:process";
import { start } from "./start.ts";

/** The command line. Answers the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  return start(args.slice(1), process.env);
}
