// What a passkey signed (WebAuthn level 3, section 7.2): that a person was there and verified, for exactly one action. The
// challenge is SHA-256 over the 64 characters of the action digest. Keys are COSE keys in the one encoding that
// authenticators write: ES256, EdDSA (Ed25519), RS256 with 2048 bits.
import { b64, type Bytes, equal, hex, joined, unb64, unhex, utf8 } from "./bytes.ts";
import * as der from "./der.ts";
import { hasExactly, type Json, loadsLenient, type Members } from "./json.ts";
import { Malformed } from "./malformed.ts";
import { sha256 } from "./sha256.ts";
import { signatureHolds } from "./signatures.ts";

const MEMBERS = ["credential_id", "public_key", "authenticator_data", "client_data_json", "signature", "rp_id"];
const ES256 = /^a5010203262001215820(.{64})225820(.{64})$/;
const EDDSA = /^a4010103272006215820(.{64})$/;
const RS256 = /^a401030339010020590100(.{512})2143010001$/;
const ORIGIN = /^https?:\/\/([a-z0-9.-]+)(:[0-9]{1,5})?$/;
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const SEEN = 0x01 | 0x04; // present and verified

/** `publicKey` is the COSE key that was registered. */
export interface Assertion {
  publicKey: Bytes;
  authenticatorData: Bytes;
  clientData: Bytes;
  signature: Bytes;
  rpId: string;
}

/** What stands in the event `step_up.proved`; null when it is none. */
export function read(value: Json | undefined): Assertion | null {
  if (!(value instanceof Map) || !hasExactly(value, MEMBERS)) return null;
  const rpId = value.get("rp_id");
  const [publicKey, authenticatorData, clientData, signature, name] = [
    "public_key", "authenticator_data", "client_data_json", "signature", "credential_id",
  ].map((member) => unb64url(value.get(member)));
  if (typeof rpId !== "string" || !publicKey || !authenticatorData || !clientData || !signature || !name) return null;
  return { publicKey, authenticatorData, clientData, signature, rpId };
}

/** Can this verifier check signatures of such a key? */
export function isKnown(publicKey: Bytes): boolean {
  return [ES256, EDDSA, RS256].some((form) => form.test(hex(publicKey)));
}

/** Why this does not say that the person was there for that action; empty when it does. The key must be known. */
export async function fault(assertion: Assertion, actionDigest: string): Promise<string> {
  const told = clientOf(assertion.clientData);
  if (!told || told.get("type") !== "webauthn.get" || (told.get("crossOrigin") ?? false) !== false) {
    return "is not what a browser signs";
  }
  if (told.get("challenge") !== b64url(sha256(utf8(actionDigest)))) return "is for another action";
  const { authenticatorData: data, rpId } = assertion;
  if (!isAt(told.get("origin"), rpId) || !equal(data.subarray(0, 32), sha256(utf8(rpId)))) {
    return "was made for another site";
  }
  if (data.length < 37 || (data[32]! & SEEN) !== SEEN) return "does not say that the person was verified";
  const message = joined(data, sha256(assertion.clientData));
  return (await holds(assertion, message)) ? "" : "has a signature that does not hold";
}

function clientOf(data: Bytes): Members | null {
  try {
    const told = loadsLenient(data);
    return told instanceof Map ? told : null;
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

function isAt(origin: Json | undefined, rpId: string): boolean {
  const host = typeof origin === "string" ? ORIGIN.exec(origin)?.[1] : undefined;
  return host !== undefined && (host === rpId || host.endsWith(`.${rpId}`));
}

async function holds({ publicKey, signature }: Assertion, message: Bytes): Promise<boolean> {
  const key = hex(publicKey);
  const [, x, y] = ES256.exec(key) ?? [];
  if (x && y) {
    const found = raw(signature);
    return found !== null && signatureHolds(unhex(`04${x}${y}`, 65), found, message);
  }
  const [, point] = EDDSA.exec(key) ?? [];
  if (point) return signatureHolds(unhex(point), signature, message);
  const [, modulus] = RS256.exec(key) ?? [];
  return modulus !== undefined && rsaHolds(unhex(modulus, 256), signature, message);
}

async function rsaHolds(modulus: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  try {
    const key = { kty: "RSA", n: b64url(modulus), e: "AQAB" };
    const imported = await crypto.subtle.importKey("jwk", key, RSA, false, ["verify"]);
    return await crypto.subtle.verify(RSA, imported, signature, message);
  } catch {
    return false;
  }
}

/** r ‖ s of an ECDSA signature in DER. */
function raw(signature: Bytes): Bytes | null {
  try {
    const numbers = der.sequence(der.read(signature), 2).map((part) => der.expect(part, der.INTEGER!).content);
    const [r, s, more] = numbers.map(half);
    return r && s && more === undefined ? joined(r, s) : null;
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/** A positive integer of at most 32 bytes, in its shortest form. */
function half(number: Bytes): Bytes | null {
  if (!number.length || number[0]! >= 0x80 || (number[0] === 0 && (number.length === 1 || number[1]! < 0x80))) return null;
  const digits = number[0] === 0 ? number.subarray(1) : number;
  return digits.length <= 32 ? joined(new Uint8Array(32 - digits.length), digits) : null;
}

/** base64url without padding, in its one spelling. */
function unb64url(value: Json | undefined): Bytes | null {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]*$/.test(value) || value.length % 4 === 1) return null;
  const standard = value.replaceAll("-", "+").replaceAll("_", "/");
  try {
    return unb64(standard + "=".repeat((4 - (value.length % 4)) % 4));
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

const b64url = (data: Bytes): string => b64(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
