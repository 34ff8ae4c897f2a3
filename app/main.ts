import { CommanderError } from "commander";
import { describeError, exitCodes } from "./cli/errors.ts";
import { createProgram, expandHelp } from "./cli/program.ts";
import { printable } from "./cli/table.ts";
import { openTerminal, type Terminal } from "./cli/terminal.ts";

/** The command line. Answers the exit code. */
export async function main(args: readonly string[], terminal: Terminal = openTerminal()): Promise<number> {
  try {
    await createProgram(terminal).parseAsync(expandHelp(args), { from: "user" });
    return exitCodes.done;
  } catch (error) {
    if (error instanceof CommanderError) return isAnswer(error) ? exitCodes.done : exitCodes.usage;
    const { lines, exitCode } = describeError(error);
    terminal.stderr.write(`ingot: ${printable(lines.join("\n"))}\n`);
    return exitCode;
  }
}

/** Commander has printed it: help or the version that was asked for, or what is wrong. */
function isAnswer({ code }: CommanderError): boolean {
  return code === "commander.helpDisplayed" || code === "commander.version";
}
