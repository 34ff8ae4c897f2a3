import { InvalidError } from "#core/errors.ts";
import { checkEnvironmentVariable } from "../terraform/environment.ts";
import { assignHcl } from "../terraform/hcl-value.ts";
import type { PlainVariable } from "./variable.ts";

/** Refuses what a run could not use: better when it is set than when it is planned. */
export function checkVariable({ category, key, value, hcl }: PlainVariable): void {
  if (category === "env") {
    if (hcl)
      throw new InvalidError(`Cannot set the env variable "${key}": only a terraform variable can be HCL`);
    checkEnvironmentVariable({ name: key, value });
    return;
  }
  if (hcl) assignHcl(key, value);
}
