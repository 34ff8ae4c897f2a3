import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";

const version = 1;
const ivBytes = 12;
const tagBytes = 16;
const secretBytes = 32;

/** Seals bytes with AES-256-GCM. `context` is authenticated but not stored: what is sealed for one row opens only there. */
export interface SecretBox {
  seal(plain: Uint8Array, context: string): Buffer;
  open(sealed: Uint8Array, context: string): Buffer;
}

export class SealBrokenError extends Error {
  override readonly name = "SealBrokenError";
  constructor(context: string, options?: ErrorOptions) {
    super(`Cannot decrypt "${context}": the key is another one, or the data is damaged`, options);
  }
}

export class SecretTooShortError extends Error {
  override readonly name = "SecretTooShortError";
  constructor(length: number) {
    super(`Cannot make a key from ${length} bytes: at least ${secretBytes} are needed`);
  }
}

/** @param secret at least 32 bytes, or it throws; the key is derived from it by HKDF-SHA-256. */
export function createSecretBox(secret: Uint8Array): SecretBox {
  if (secret.length < secretBytes) throw new SecretTooShortError(secret.length);
  const key = Buffer.from(hkdfSync("sha256", secret, "", "ingot secret box 1", 32));
  return {
    seal(plain, context) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(context));
      return Buffer.concat([
        Buffer.of(version),
        iv,
        cipher.update(plain),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
    },
    open(sealed, context) {
      try {
        const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
        if (bytes[0] !== version) throw new Error(`Cannot read format ${bytes[0]}: expected ${version}`);
        const iv = bytes.subarray(1, 1 + ivBytes);
        const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: tagBytes });
        decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-tagBytes));
        return Buffer.concat([decipher.update(bytes.subarray(1 + ivBytes, -tagBytes)), decipher.final()]);
      } catch (error) {
        throw new SealBrokenError(context, { cause: error });
      }
    },
  };
}
