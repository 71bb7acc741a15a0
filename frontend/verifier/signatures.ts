// Signatures by WebCrypto. A public key is raw bytes, and its size says what it is: 32 bytes are Ed25519 (Chromium since
// 137, Firefox 129, Safari 17), 65 bytes a point on P-256 for ES256.
import { type Bytes, hex } from "./bytes.ts";
import { sha256 } from "./sha256.ts";

export const PUBLIC_KEY_SIZE = 32;
const SIGNATURE_SIZE = 64;
const ALGORITHMS = new Map([[PUBLIC_KEY_SIZE, "ed25519"], [65, "es256"]]);
const IMPORT = { ed25519: { name: "Ed25519" }, es256: { name: "ECDSA", namedCurve: "P-256" } };
const VERIFY = { ed25519: { name: "Ed25519" }, es256: { name: "ECDSA", hash: "SHA-256" } };

type Algorithm = keyof typeof IMPORT;

export const algorithmOf = (key: Bytes): Algorithm | undefined => ALGORITHMS.get(key.length) as Algorithm | undefined;

/** The identifier of a key: a digest of it, so it cannot be claimed by another key. */
export const kidOf = (key: Bytes): string => `${algorithmOf(key)}:${hex(sha256(key)).slice(0, 32)}`;

export async function signatureHolds(key: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  const algorithm = algorithmOf(key);
  if (!algorithm || signature.length !== SIGNATURE_SIZE) return false;
  try {
    const imported = await crypto.subtle.importKey("raw", key, IMPORT[algorithm], false, ["verify"]);
    return await crypto.subtle.verify(VERIFY[algorithm], imported, signature, message);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") throw error;
    return false;
  }
}
