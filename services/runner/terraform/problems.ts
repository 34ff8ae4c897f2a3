import type { Diagnostic, TerraformOutput } from "./output.ts";

const mostListed = 10;
// Stands before the problems that init found in the configuration.
const preamble = /^Terraform encountered problems during initiali[sz]ation/;

/**
 * Collects what went wrong, in a sentence each: from the diagnostics of a command with `-json`, and from the text
 * that `init` prints on stderr: `Error: SUMMARY`, a blank line, `  on main.tf line 3:` with the code, a blank line,
 * the detail.
 */
export class Problems {
  readonly #found: string[] = [];
  #plain: { summary: string; place: string; detail: string[] } | undefined;
  #isDetail = false;

  read(stream: "stdout" | "stderr", line: string, { diagnostic }: TerraformOutput): void {
    if (diagnostic?.severity === "error") this.#found.push(describe(diagnostic));
    if (stream === "stderr") this.#readPlain(line);
  }

  /** The first ones, in the order of their appearance. */
  list(): string[] {
    this.#finishPlain();
    const told = this.#found.filter((problem) => this.#found.length === 1 || !preamble.test(problem));
    const left = told.length - mostListed;
    return left > 0 ? [...told.slice(0, mostListed), `${left} more in the log`] : told;
  }

  #readPlain(line: string): void {
    const [, summary] = /^Error: (.*)/.exec(line) ?? [];
    if (summary !== undefined) {
      this.#finishPlain();
      this.#plain = { summary, place: "", detail: [] };
      this.#isDetail = false;
      return;
    }
    if (!this.#plain) return;
    const [, file, row] = /^ {2}on (.+) line (\d+)/.exec(line) ?? [];
    if (file) this.#plain.place = ` (${file}:${row})`;
    else if (line !== "" && !line.startsWith(" ")) this.#plain.detail.push(line);
    if (this.#plain.detail.length > 0) this.#isDetail = true;
    if (this.#isDetail && line === "") this.#finishPlain();
  }

  #finishPlain(): void {
    if (!this.#plain) return;
    const { summary, place, detail } = this.#plain;
    this.#plain = undefined;
    this.#found.push(sentence(`${summary}${place}`, detail.join(" ")));
  }
}

function describe({ summary, detail, location }: Diagnostic): string {
  const [paragraph = ""] = detail.split(/\n\s*\n/);
  return sentence(`${summary}${location ? ` (${location})` : ""}`, paragraph.replaceAll("\n", " "));
}

function sentence(title: string, detail: string): string {
  return (detail ? `${title}: ${detail}` : title).replace(/\.$/, "");
}
