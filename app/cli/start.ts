import type { Command } from "commander";
import type { Context } from "./context.ts";

const examples = `
Settings are environment variables, among them:
  INGOT_LISTEN     where to listen (127.0.0.1:7373)
  INGOT_DATA_DIR   where everything is kept (./data)
  DATABASE_URL     postgres://…; without it Ingot starts a PostgreSQL of its own
  INGOT_TERRAFORM  which terraform or tofu makes the runs

Examples:
  ingot start
  INGOT_LISTEN=:7373 INGOT_DATA_DIR=/var/lib/ingot ingot start
  DATABASE_URL=postgres://ingot@db/ingot ingot start registry`;

export function defineStart(command: Command, { terminal }: Context): void {
  command
    .description("Run the named services in this terminal, or all of them, until SIGINT or SIGTERM.")
    .argument("[service...]", "registry, trigger, runner")
    .addHelpText("after", examples)
    .action(async (services: string[]) => {
      const { start } = await import("../start.ts");
      await start(services, terminal.env);
    });
}
