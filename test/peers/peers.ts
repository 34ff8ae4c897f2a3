import { stat } from "node:fs/promises";
import path from "node:path";
import { messageOf } from "#core/errors.ts";
import { install, peersDirectory, PeerUnavailableError } from "./install.ts";
import { run } from "./run.ts";

const packerAtlasSources = path.join(import.meta.dirname, "packer-atlas");
const atlasGoSources = path.join(import.meta.dirname, "atlas-go");

const gocode = "/usr/share/gocode";
const atlasGoPackage = "golang-github-hashicorp-atlas-go-dev";

/** Packer 1.2.5's core with its own `atlas` post-processor: the path of an executable that builds a template. */
export function packerAtlas(): Promise<string> {
  return install({
    name: "packer-atlas",
    version: "1.2.5",
    sources: packerAtlasSources,
    build: (file) => goBuild("packer-atlas", packerAtlasSources, [".", "-o", file]),
  });
}

/** HashiCorp's atlas-go, as Debian packages it: the path of an executable that makes one call. */
export function atlasGo(): Promise<string> {
  return install({
    name: "atlas-go",
    version: "46e9b3e",
    sources: atlasGoSources,
    build: async (file) => {
      await requireAtlasGoPackage();
      const gopath = { GO111MODULE: "off", GOPATH: gocode };
      await goBuild("atlas-go", atlasGoSources, ["main.go", "-o", file], gopath);
    },
  });
}

async function goBuild(
  peer: string,
  cwd: string,
  [target, ...options]: string[],
  env: NodeJS.ProcessEnv = {},
) {
  const args = ["build", "-buildvcs=false", ...options, target ?? "."];
  await must(peer, "go", args, {
    cwd,
    env: {
      GOTOOLCHAIN: "local",
      GOFLAGS: "-trimpath",
      CGO_ENABLED: "0",
      GOCACHE: path.join(peersDirectory(), "go-build"),
      ...env,
    },
  });
}

async function requireAtlasGoPackage(): Promise<void> {
  const present = await stat(path.join(gocode, "src/github.com/hashicorp/atlas-go/v1")).catch(
    () => undefined,
  );
  if (present) return;
  if (process.getuid?.() !== 0) {
    throw new PeerUnavailableError("atlas-go", `the Debian package ${atlasGoPackage} is not installed`);
  }
  const args = ["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", atlasGoPackage];
  await must("atlas-go", "apt-get", args, { env: { DEBIAN_FRONTEND: "noninteractive" } });
}

async function must(
  peer: string,
  command: string,
  args: string[],
  options: Parameters<typeof run>[2],
): Promise<void> {
  const { exitCode, output } = await run(command, args, options).catch((error: unknown) => {
    throw new PeerUnavailableError(peer, `"${command}" cannot be run (${messageOf(error)})`, {
      cause: error,
    });
  });
  if (exitCode !== 0) {
    throw new PeerUnavailableError(peer, `"${command} ${args[0]}" exited with ${exitCode}\n${output}`);
  }
}
