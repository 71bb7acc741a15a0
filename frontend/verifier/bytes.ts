// Bytes and their strict text forms: one spelling each, everything else is malformed.
import { Malformed } from "./malformed.ts";

/** Bytes that WebCrypto takes as they are. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const forgiving = new TextDecoder("utf-8", { ignoreBOM: true });
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export const utf8 = (text: string): Bytes => encoder.encode(text);

/** The text of UTF-8 bytes, or null when they are not UTF-8. A byte order mark is text like any other. */
export function text(data: Bytes): string | null {
  try {
    return strict.decode(data);
  } catch {
    return null;
  }
}

/** What is not UTF-8 becomes U+FFFD. */
export const readable = (data: Bytes): string => forgiving.decode(data);

export function equal(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

export function joined(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function hex(data: Uint8Array): string {
  let digits = "";
  for (let at = 0; at < data.length; at++) digits += HEX[data[at]!];
  return digits;
}

/** Lower-case hex of `size` bytes. */
export function unhex(value: unknown, size = 32): Bytes {
  if (typeof value !== "string" || value.length !== 2 * size || !/^[0-9a-f]*$/.test(value)) {
    throw new Malformed("SCHEMA", `${2 * size} lower-case hex digits expected`);
  }
  const data = new Uint8Array(size);
  for (let at = 0; at < size; at++) data[at] = (digit(value, 2 * at) << 4) | digit(value, 2 * at + 1);
  return data;
}

/** What a digit of lower-case hex is worth. */
function digit(value: string, at: number): number {
  const code = value.charCodeAt(at);
  return code < 58 ? code - 48 : code - 87;
}

export function b64(data: Uint8Array): string {
  let encoded = "";
  for (let at = 0; at < data.length; at += 3) {
    const [first, second, third] = [data[at]!, data[at + 1], data[at + 2]];
    encoded += ALPHABET[first >> 2]! + ALPHABET[((first & 3) << 4) | ((second ?? 0) >> 4)]!;
    encoded += second === undefined ? "=" : ALPHABET[((second & 15) << 2) | ((third ?? 0) >> 6)]!;
    encoded += third === undefined ? "=" : ALPHABET[third & 63]!;
  }
  return encoded;
}

/** Standard base64 with padding; refuses other alphabets, stray bits and a wrong length. */
export function unb64(value: unknown, code = "SCHEMA", size?: number): Bytes {
  const data = typeof value === "string" ? decoded(value) : null;
  if (data === null || b64(data) !== value || (size !== undefined && data.length !== size)) {
    throw new Malformed(code, size === undefined ? "base64 expected" : `base64 of ${size} bytes expected`);
  }
  return data;
}

function decoded(value: string): Bytes | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4) return null;
  return Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
}

/** Order of names by code point, which for astral characters is not the order of UTF-16. */
export function byCodePoint(one: string, other: string): number {
  const [left, right] = [Array.from(one, code), Array.from(other, code)];
  const at = left.findIndex((point, index) => point !== right[index]);
  return at < 0 ? left.length - right.length : left[at]! - (right[at] ?? -1);
}

const code = (char: string): number => char.codePointAt(0)!;
