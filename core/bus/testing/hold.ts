import process from "node:process";
import { createLog } from "../../log.ts";
import { openEmbeddedBus } from "../embedded.ts";

/** A process that reads TYPE as READER from the database at URL, says "ready", then "received", and never finishes. */
const [databaseUrl = "", reader = "", type = ""] = process.argv.slice(2);
const bus = await openEmbeddedBus({ databaseUrl, log: createLog({ level: "warn" }) });
await bus.read({
  name: reader,
  types: [type],
  async handle() {
    process.stdout.write("received\n");
    await new Promise(() => undefined);
  },
});
process.stdout.write("ready\n");
