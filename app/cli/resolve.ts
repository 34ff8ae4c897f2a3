import type { Command } from "commander";
import type { Context } from "./context.ts";
import { resolvePath } from "./names.ts";

const examples = `
Prints the image's id and nothing else. Nothing is guessed: when several images match, it exits with 6 and
lists them; when none does, with 3.

Examples:
  ingot resolve acmeinc/web:latest --type amazon.image --region us-east-1
  AMI=$(ingot resolve acmeinc/web:7)`;

export function defineResolve(command: Command, context: Context): void {
  command
    .description("Resolve a reference to one image.")
    .argument("<reference>", "NAMESPACE/NAME:VERSION; the version is latest or a number")
    .option("-t, --type <type>", "artifact type")
    .option("-r, --region <region>", "region")
    .addHelpText("after", examples)
    .action(async (reference: string, query: { type?: string; region?: string }) => {
      const answer = await context.client.call<{ id: string }>("GET", resolvePath(reference), {
        query: { ...query },
      });
      context.show(answer, ({ id }) => `${id}\n`);
    });
}
