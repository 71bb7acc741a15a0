// Ed25519 by WebCrypto: in Chromium since 137, Firefox 129, Safari 17, Node.js 18.
import { type Bytes, hex } from "./bytes.ts";
import { sha256 } from "./sha256.ts";

export const PUBLIC_KEY_SIZE = 32;

/** The identifier of a key: a digest of it, so it cannot be claimed by another key. */
export const kidOf = (key: Bytes): string => `ed25519:${hex(sha256(key)).slice(0, 32)}`;

export async function signatureHolds(key: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  try {
    const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, signature, message);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") throw error;
    return false;
  }
}
