import type { Account } from "./account.ts";
import { childOptions, runTool } from "./child.ts";

/** Every process of a server works inside its data directory, its postmaster and all that this one forked. */
const linuxScript = `
command -v readlink >/dev/null || { echo "readlink is not installed" >&2; exit 1; }
for process in /proc/[0-9]*; do
  [ "$process/cwd" -ef . ] || continue
  case "$(readlink "$process/exe" 2>/dev/null)" in
    */postgres | */postgres\\ \\(deleted\\)) echo "\${process#/proc/}" ;;
  esac
done
true`;

/**
 * The living postgres processes of the cluster in `directory`. Zombies and strangers that reuse a pid are not
 * among them. On Linux `account` itself looks: root in a container may not see where another uid's process is.
 * Elsewhere only postmasters are found, by their command line.
 */
export async function findServers(directory: string, account: Account | undefined): Promise<number[]> {
  if (process.platform === "linux") {
    const { ok, output } = await runTool("/bin/sh", ["-c", linuxScript], childOptions(directory, account));
    if (!ok) throw new Error(`Cannot look for processes of "${directory}": ${output}`);
    return output.split("\n").filter(Boolean).map(Number);
  }
  const { output } = await runTool("/bin/ps", ["-axww", "-o", "pid=,command="], childOptions("/", account));
  const postmasters = output.split("\n").filter((line) => line.includes(`/postgres -D ${directory} `));
  return postmasters.map((line) => Number.parseInt(line, 10));
}
