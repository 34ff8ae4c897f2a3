import { InvalidError } from "#core/errors.ts";

export class InvalidRunVariableError extends InvalidError {
  constructor(name: string, rule: string) {
    super(`Cannot set variable "${name}": ${rule}`);
  }
}
