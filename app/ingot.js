#!/usr/bin/env node
// Plain JavaScript, so that an older Node can say what is wrong instead of failing on a type.
import process from "node:process";

const [major = 0] = process.versions.node.split(".").map(Number);
if (major < 24) {
  process.stderr.write(`ingot: this is Node ${process.versions.node}; Node 24 or newer is needed\n`);
  process.exitCode = 1;
} else {
  const { enableCompileCache } = await import("node:module");
  enableCompileCache();
  const { main } = await import("./main.ts");
  process.exitCode = await main(process.argv.slice(2));
}
