import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { createContext, type Context, type GlobalOptions } from "./context.ts";
import type { Terminal } from "./terminal.ts";

/** Gives a command its arguments, options, help and action. */
export type Define = (command: Command, context: Context) => void;

interface Entry {
  name: string;
  group: string;
  summary: string;
  /** Reads the command's file when the command is called, so that every other one starts without it. */
  load(): Promise<Define>;
}

const entries: readonly Entry[] = [
  {
    name: "publish",
    group: "Artifacts:",
    summary: "publish a version, with or without a file",
    load: async () => (await import("./publish.ts")).definePublish,
  },
  {
    name: "versions",
    group: "Artifacts:",
    summary: "list the versions of an artifact",
    load: async () => (await import("./versions.ts")).defineVersions,
  },
  {
    name: "resolve",
    group: "Artifacts:",
    summary: "from a reference such as acmeinc/web:latest to one image",
    load: async () => (await import("./resolve.ts")).defineResolve,
  },
  {
    name: "env",
    group: "Environments:",
    summary: "environments, their variables, inputs and configurations",
    load: async () => (await import("./environments.ts")).defineEnvironments,
  },
  {
    name: "runs",
    group: "Environments:",
    summary: "list runs",
    load: async () => (await import("./runs.ts")).defineRuns,
  },
  {
    name: "run",
    group: "Environments:",
    summary: "start, follow, read and decide a run",
    load: async () => (await import("./run.ts")).defineRun,
  },
  {
    name: "namespace",
    group: "Server:",
    summary: "list and create namespaces",
    load: async () => (await import("./namespaces.ts")).defineNamespaces,
  },
  {
    name: "token",
    group: "Server:",
    summary: "list, create and revoke tokens",
    load: async () => (await import("./tokens.ts")).defineTokens,
  },
  {
    name: "health",
    group: "Server:",
    summary: "whether the server is ready, and what it depends on",
    load: async () => (await import("./health.ts")).defineHealth,
  },
  {
    name: "start",
    group: "Server:",
    summary: "run the server in this terminal",
    load: async () => (await import("./start.ts")).defineStart,
  },
];

const afterHelp = `
Where the server is, and the token for it:
  --url, --token; else INGOT_URL, INGOT_TOKEN; else ATLAS_ADDRESS, ATLAS_TOKEN;
  else http://127.0.0.1:7373 and the token in INGOT_DATA_DIR/admin-token (./data/admin-token)

Exit codes:
  0  done
  1  the server refused, or the run failed
  2  wrong usage
  3  not found
  4  no token, a wrong token, or one that may not do this
  5  the server cannot be reached
  6  conflict: an ambiguous reference, or a state that does not allow it

Examples:
  ingot start
  ingot publish acmeinc/web --type amazon.image --id us-east-1:ami-3a0a1d52
  ingot resolve acmeinc/web:latest --type amazon.image --region us-east-1
  ingot run start acmeinc/prod --follow
  ingot help run`;

export function createProgram(terminal: Terminal): Command {
  const program = new Command("ingot")
    .description("Artifact registry for machine images, and the Terraform pipeline that hangs on it.")
    .usage("COMMAND [OPTIONS]")
    .version(packageJson.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .optionsGroup("Global Options:")
    .option("--url <url>", "address of the server")
    .option("--token <token>", "token to use")
    .option("--json", "print the server's reply as JSON")
    .addHelpText("after", afterHelp)
    .exitOverride()
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: globalOptions,
      subcommandTerm: (command) => command.name(),
    })
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => write(restyle(text)),
      getOutHelpWidth: () => Math.min(terminal.stdout.columns ?? 100, 100),
      getErrHelpWidth: () => Math.min(terminal.stderr.columns ?? 100, 100),
    });
  const context = createContext(terminal, () => program.opts<GlobalOptions>());
  for (const { name, group, summary } of entries) program.command(name).summary(summary).helpGroup(group);
  program.command("help").summary("print help of a command").usage("[COMMAND…]").helpGroup("Server:");
  pointToHelp(program, "ingot");
  program.hook("preSubcommand", async (_program, command) => {
    const define = await entries.find(({ name }) => name === command.name())?.load();
    define?.(command, context);
    pointToHelp(command, `ingot ${command.name()}`);
  });
  return program;
}

/** `--help` and `--version` belong to every command and are not worth two lines in each. */
function globalOptions(command: Command) {
  const program = command.parent?.parent ?? command.parent;
  return (program?.options ?? []).filter(({ long }) => long !== "--version");
}

function pointToHelp(command: Command, path: string): void {
  command.showHelpAfterError(`${path} --help shows how`).helpCommand(false);
  for (const each of command.commands) pointToHelp(each, `${path} ${each.name()}`);
}

/** Commander's words in the form of all other errors. */
function restyle(text: string): string {
  return text
    .replace(/^error: /, "ingot: ")
    .replaceAll(/'([^']*)'/g, '"$1"')
    .replace(/\n\(Did you mean (?:one of )?(.*?)\?\)/s, "; did you mean $1?");
}

/** `ingot help run logs` is `ingot run logs --help`; an unknown command stays one. */
export function expandHelp(args: readonly string[]): string[] {
  const [first, second, ...rest] = args;
  if (first !== "help") return [...args];
  if (second === undefined) return ["--help"];
  return entries.some(({ name }) => name === second) ? [second, ...rest, "--help"] : [second];
}
