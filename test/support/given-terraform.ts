import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { findTerraform } from "#runner/terraform/find.ts";

export interface GivenTerraform extends AsyncDisposable {
  /** For INGOT_TERRAFORM. */
  readonly path: string;
  /** Makes it say that it is another version from now on. */
  pretendVersion(version: string): Promise<void>;
}

/**
 * Real Terraform behind a script, so that a configuration can bring what shall happen: `before-plan.sh` is run before
 * `terraform plan` and may `exec` something in its place, `after-apply.sh` after a `terraform apply` that succeeded.
 */
export async function givenTerraform(): Promise<GivenTerraform> {
  const directory = await mkdtemp(path.join(tmpdir(), "ingot-terraform-"));
  const file = path.join(directory, "terraform");
  const version = path.join(directory, "version");
  const real = (await findTerraform()).path;
  await writeFile(file, script({ real, version }));
  await chmod(file, 0o755);
  return {
    path: file,
    pretendVersion: (text) => writeFile(version, text),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

function script({ real, version }: { real: string; version: string }): string {
  return `#!/bin/sh
if [ "$1" = version ] && [ -f ${version} ]; then
  [ "$2" = -json ] && printf '{"terraform_version": "%s"}' "$(cat ${version})" || echo "Terraform v$(cat ${version})"
  exit 0
fi
TERRAFORM=${real}
if [ -f "before-$1.sh" ]; then . "./before-$1.sh"; fi
if ! [ -f "after-$1.sh" ]; then exec "$TERRAFORM" "$@"; fi
"$TERRAFORM" "$@"
code=$?
if [ $code -eq 0 ]; then . "./after-$1.sh"; fi
exit $code
`;
}
