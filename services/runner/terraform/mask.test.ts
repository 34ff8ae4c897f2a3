import fc from "fast-check";
import { expect, test } from "vitest";
import { createMasker, sensitiveMark } from "./mask.ts";

const password = 'p4ss "w<o>rd"/é+${x}';

function encodings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  return [
    secret,
    json,
    json.replaceAll("<", "\\u003c").replaceAll(">", "\\u003e").replaceAll("&", "\\u0026"),
    json.replaceAll("${", "$${").replaceAll("%{", "%%{"),
    bytes.toString("base64"),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
    encodeURIComponent(secret),
    new URLSearchParams({ "": secret }).toString().slice(1),
  ];
}

test("a secret is found however it is written", () => {
  const { mask } = createMasker([password]);

  for (const form of encodings(password)) expect(mask(`a ${form} b`)).toBe(`a ${sensitiveMark} b`);
});

test("a secret inside of a longer base64 text is found", () => {
  const { mask } = createMasker(["correct horse"]);

  for (const user of ["u", "us", "use", "user"]) {
    const header = Buffer.from(`${user}:correct horse:x`).toString("base64");
    const masked = mask(header);
    const shown = Buffer.from(masked.replace(sensitiveMark, ""), "base64").toString("latin1");
    expect(masked).toContain(sensitiveMark);
    expect(shown).not.toMatch(/orrec|hors/);
  }
});

test("each line of a secret of several lines is found", () => {
  const { mask } = createMasker(["-----BEGIN KEY-----\r\n  MIIEow\r\nxyz\r\n"]);

  expect(mask("MIIEow")).toBe(sensitiveMark);
  expect(mask("-----BEGIN KEY-----\n  MIIEow\nxyz")).toBe(`${sensitiveMark}\n  ${sensitiveMark}\nxyz`);
});

test("the longest secret wins", () => {
  const { mask } = createMasker(["secret", "secret-and-more"]);

  expect(mask("secret-and-more secret")).toBe(`${sensitiveMark} ${sensitiveMark}`);
});

test("values of fewer than four characters are left alone", () => {
  expect(createMasker(["", "abc", "  a "]).mask("abc a")).toBe("abc a");
});

test("what is masked already stays as it is", () => {
  const { mask } = createMasker(["value", "sensitive"]);

  expect(mask(mask("the value"))).toBe(`the ${sensitiveMark}`);
});

test("in JSON, strings, keys and numbers are masked", () => {
  const { maskValue } = createMasker(["hunter2", "5432"]);

  expect(maskValue({ a: ["x hunter2", 1, true, null], hunter2: { b: 5432 } })).toEqual({
    a: [`x ${sensitiveMark}`, 1, true, null],
    [sensitiveMark]: { b: sensitiveMark },
  });
});

test("no secret survives", () => {
  // Digits and signs that the mark itself does not have.
  const secret = fc.string({
    unit: fc.constantFrom(...Array.from('0123456789~{}"\\<&$%é\n')),
    minLength: 4,
    maxLength: 12,
  });
  fc.assert(
    fc.property(
      fc.array(secret, { minLength: 1, maxLength: 5 }),
      fc.string(),
      fc.nat(),
      (secrets, noise, choice) => {
        const forms = secrets.flatMap(encodings);
        const text = `${noise} ${forms[choice % forms.length]} ${noise} ${secrets.join(" ")}`;

        const masked = createMasker(secrets).mask(text);

        for (const value of secrets) expect(masked).not.toContain(value);
      },
    ),
  );
});

test("masking takes linear time", () => {
  const { mask } = createMasker(Array.from({ length: 50 }, (_, index) => `${"a".repeat(40)}${index}`));
  const timeOf = (text: string): number => {
    const start = performance.now();
    mask(text);
    return performance.now() - start;
  };

  const text = `${"a".repeat(39)} `.repeat(5000);
  timeOf(text);

  expect(timeOf(text.repeat(4))).toBeLessThan(20 * timeOf(text) + 50);
});
