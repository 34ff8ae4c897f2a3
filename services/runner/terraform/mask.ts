export const sensitiveMark = "(sensitive value)";

/** Shorter values are left alone: hiding every `on`, `1` or `us` would hide the log. */
export const minimumSecretLength = 4;

export type Masker = {
  mask: (text: string) => string;
  /** Masks all strings, keys and numbers of a JSON value. */
  maskValue: (json: unknown) => unknown;
};

/**
 * Replaces secrets by value, also where they are escaped (JSON, HCL), URL-encoded or base64-encoded, alone or
 * inside a longer text such as `user:password`, and each line of a secret of several lines. The longest match
 * wins. A value of fewer than `minimumSecretLength` characters is not masked.
 */
export function createMasker(secrets: readonly string[]): Masker {
  const pattern = compile(secrets);
  const mask = pattern ? (text: string) => text.replace(pattern, sensitiveMark) : (text: string) => text;
  return { mask, maskValue: (json) => maskJson(json, mask) };
}

function compile(secrets: readonly string[]): RegExp | undefined {
  const forms = new Set(secrets.flatMap(partsOf).flatMap(formsOf));
  if (forms.size === 0) return undefined;
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  // The mark itself comes first: a secret such as "value" must not be found inside it.
  return new RegExp([sensitiveMark, ...longestFirst].map(quote).join("|"), "g");
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

function partsOf(secret: string): string[] {
  const lines = secret.split(/\r\n|\r|\n/).map((line) => line.trim());
  return [...new Set([secret, secret.trim(), ...lines])].filter(isLongEnough);
}

function formsOf(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  return [text, json, escapeAsGo(json), escapeAsHcl(json), ...urlForms(text), ...base64Forms(text)].filter(
    isLongEnough,
  );
}

function isLongEnough(text: string): boolean {
  return text.length >= minimumSecretLength;
}

/** As encoding/json does by default. */
function escapeAsGo(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function escapeAsHcl(json: string): string {
  return json.replace(/[$%](?=\{)/g, "$&$&");
}

/** RFC 3986 with and without the characters that `encodeURIComponent` leaves, and the form encoding. */
function urlForms(text: string): string[] {
  const loose = encodeURIComponent(text.toWellFormed());
  const strict = loose.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return [loose, strict, strict.replaceAll("%20", "+")];
}

/** The whole text with and without padding, and the part that is the same wherever the text stands in a longer one. */
function base64Forms(text: string): string[] {
  const whole = Buffer.from(text).toString("base64");
  const standard = [whole, whole.replace(/=+$/, ""), ...[0, 1, 2].map((shift) => shiftedBase64(text, shift))];
  return standard.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}

function shiftedBase64(text: string, shift: number): string {
  const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]);
  const firstWhole = Math.ceil((shift * 8) / 6);
  const lastWhole = Math.floor((bytes.length * 8) / 6);
  return bytes.toString("base64").slice(firstWhole, lastWhole);
}

function maskJson(json: unknown, mask: (text: string) => string): unknown {
  if (typeof json === "string") return mask(json);
  if (typeof json === "number") return mask(String(json)) === String(json) ? json : sensitiveMark;
  if (Array.isArray(json)) return json.map((item) => maskJson(item, mask));
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [mask(key), maskJson(value, mask)]));
}
