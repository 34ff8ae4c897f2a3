import process from "node:process";

const colored = process.stdout.isTTY && !process.env["NO_COLOR"];
let steps = 0;

/** A headed step, with the command that does it by hand. */
export function step(title: string, command: string): void {
  steps++;
  console.log(`\n${bold(`${steps}. ${title}`)}\n   ${dim(`$ ${command}`)}`);
}

export function detail(text: string): void {
  console.log(`   ${text}`);
}

export function sentence(text: string): void {
  console.log(`\n${bold(text)}`);
}

function bold(text: string): string {
  return colored ? `\u001b[1m${text}\u001b[0m` : text;
}

function dim(text: string): string {
  return colored ? `\u001b[2m${text}\u001b[0m` : text;
}
