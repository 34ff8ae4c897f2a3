import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { createTestDatabase } from "../../test/support/database.ts";
import { createLog } from "../log.ts";
import { contractRetry, testBus, type BusUnderTest } from "./contract.ts";
import { openEmbeddedBus } from "./embedded.ts";

testBus("on the database alone", async (): Promise<BusUnderTest> => {
  const database = await createTestDatabase();
  const log = createLog({ level: "silent" });
  return {
    open: () => openEmbeddedBus({ databaseUrl: database.url, log, retry: contractRetry }),
    holdElsewhere: (reader, type) => hold([database.url, reader, type]),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
});

async function hold(args: readonly string[]) {
  const program = path.join(import.meta.dirname, "testing/hold.ts");
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface(child.stdout);
  const said = (word: string) =>
    new Promise<void>((resolve) => lines.on("line", (line) => void (line === word && resolve())));
  const received = said("received");
  await said("ready");
  return {
    received,
    async kill() {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    },
  };
}
