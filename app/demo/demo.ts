import process from "node:process";
import { messageOf } from "#core/errors.ts";
import { walk } from "./walk.ts";

/** `npm run demo`: the whole pipeline on a scratch directory. Ends with 1 if anything differs from what it tells. */
try {
  await walk();
} catch (error) {
  console.error(`\nThe demo failed: ${messageOf(error)}`);
  process.exitCode = 1;
}
