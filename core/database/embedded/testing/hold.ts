/**
 * A process that a test may kill: starts the server in the directory that its argument names, prints its
 * URL or its error as a line of JSON, and runs until its standard input closes.
 */
import { once } from "node:events";
import { startEmbeddedPostgres } from "../start.ts";

const log = { info: () => undefined, warn: () => undefined };
const [, , dataDir = ""] = process.argv;
try {
  await using server = await startEmbeddedPostgres({ dataDir, log });
  process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
  process.stdin.resume();
  await once(process.stdin, "end");
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: String(error) })}\n`);
}
