import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Fails when proto/gen is not what the .proto files generate. */
const fresh = mkdtempSync(path.join(tmpdir(), "ingot-proto-"));
try {
  run("buf", ["lint", "proto"]);
  run("buf", ["generate", "proto", "--template", "proto/buf.gen.yaml", "-o", fresh]);
  run("diff", ["-r", path.join(fresh, "gen"), "proto/gen"]);
} catch {
  console.error("proto/gen is not current, or proto/ has a fault: run npm run proto");
  process.exitCode = 1;
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function run(command: string, args: string[]): void {
  execFileSync(command, args, { stdio: "inherit" });
}
