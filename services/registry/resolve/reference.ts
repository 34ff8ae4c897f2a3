import { InvalidError } from "#core/errors.ts";
import { readReference, type Reference } from "#proto/names.ts";

export class ReferenceInvalidError extends InvalidError {
  constructor(reference: string) {
    super(
      `Cannot resolve "${reference}": expected NAMESPACE/NAME:VERSION with a version of latest, a channel or a number`,
    );
  }
}

export function parseReference(text: string): Reference {
  const reference = readReference(text);
  if (!reference) throw new ReferenceInvalidError(text);
  return reference;
}
