import { InvalidError, TooLargeError } from "#core/errors.ts";

/** An entry that could write outside of the directory, or is not a plain file. */
export class UnsafeArchiveError extends InvalidError {
  readonly entry: string;
  readonly rule: string;

  constructor(entry: string, rule: string) {
    super(`Cannot extract ${JSON.stringify(entry)}: ${rule}`);
    this.entry = entry;
    this.rule = rule;
  }
}

export class MalformedArchiveError extends InvalidError {
  constructor(problem: string, options?: ErrorOptions) {
    super(`Cannot read the archive as tar.gz: ${problem}`, options);
  }
}

export class ArchiveTooLargeError extends TooLargeError {
  constructor(limit: string) {
    super(`Cannot extract the archive: it has more than ${limit}`);
  }
}

export class NoConfigurationError extends InvalidError {
  constructor(directory: string) {
    super(`No Terraform configuration in "${directory}"`);
  }
}

/** The archive can be unpacked, but holds nothing that Terraform would read. */
export class NotAConfigurationError extends InvalidError {
  constructor(files: readonly string[]) {
    const found = files
      .slice(0, 5)
      .map((file) => `"${file}"`)
      .join(", ");
    super(
      `Cannot use the archive as a configuration: its top folder has no *.tf or *.tf.json file, but ${found}`,
    );
  }
}

export class UnpackableFileError extends InvalidError {
  constructor(file: string, rule: string, options?: ErrorOptions) {
    super(`Cannot pack "${file}": ${rule}`, options);
  }
}
