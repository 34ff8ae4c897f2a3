import { runTerraform, type TerraformCommand, type TerraformExit } from "./command.ts";

const maxLineLength = 256 * 1024 * 1024;

/** Runs a command whose whole output is the answer, such as `show -json`. */
export async function captureTerraform(
  command: Omit<TerraformCommand, "onLine">,
): Promise<TerraformExit & { stdout: string; stderr: string }> {
  const lines = { stdout: [] as string[], stderr: [] as string[] };
  const exit = await runTerraform({
    maxLineLength,
    ...command,
    onLine: (stream, line) => void lines[stream].push(line),
  });
  return { ...exit, stdout: lines.stdout.join("\n"), stderr: lines.stderr.join("\n") };
}
