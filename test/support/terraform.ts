import { findTerraform } from "#runner/terraform/find.ts";

/** Whether runs can be tested on this machine. */
export async function hasTerraform(): Promise<boolean> {
  return findTerraform().then(
    () => true,
    () => false,
  );
}
