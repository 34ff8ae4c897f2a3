import { openClient, type Client } from "./client.ts";
import { readConnection, type ConnectionOptions } from "./connection.ts";
import { printable, screenOf, type Screen } from "./table.ts";
import type { Terminal } from "./terminal.ts";

export interface GlobalOptions extends ConnectionOptions {
  json?: boolean;
}

/** What every command gets. */
export interface Context {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly client: Client;
  readonly screen: Screen;
  /** A result: the reply as it is with `--json`, else its rendering. */
  show<T>(reply: T, render: (reply: T, screen: Screen) => string): void;
  /** A message, which is no result. */
  note(text: string): void;
}

export function createContext(terminal: Terminal, options: () => GlobalOptions): Context {
  const screen = screenOf(terminal.stdout, terminal.env);
  let client: Client | undefined;
  return {
    terminal,
    screen,
    get json() {
      return options().json ?? false;
    },
    get client() {
      return (client ??= openClient(readConnection(options(), terminal.env)));
    },
    show(reply, render) {
      const text = this.json ? `${JSON.stringify(reply, null, 2)}\n` : render(reply, screen);
      if (text !== "") terminal.stdout.write(text);
    },
    note(text) {
      terminal.stderr.write(`${printable(text)}\n`);
    },
  };
}

/** A list, or the words that there is nothing, which are no result. */
export function showList<T>(
  context: Context,
  { items, more }: { items: T[]; more: boolean },
  { render, empty }: { render: (items: T[], screen: Screen) => string; empty: string },
): void {
  context.show(items, (all, screen) => (all.length === 0 ? "" : render(all, screen)));
  if (items.length === 0) context.note(empty);
  else if (more) context.note(`There are more: --limit ${items.length * 2}`);
}
