// SHA-256 (FIPS 180-4), synchronous: a tree asks for hundreds of thousands of short digests, and a promise for each
// of them would cost more than the digest. One digest is made at a time, so its working space is made once.
import type { Bytes } from "./bytes.ts";

const PRIMES = firstPrimes(64);
const ROUND = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

const state = new Int32Array(8);
const words = new Int32Array(64);
const block = new Uint8Array(64);

export function sha256(...parts: Uint8Array[]): Bytes {
  state.set(START);
  let filled = 0;
  let size = 0;
  for (const part of parts) {
    filled = taken(part, filled);
    size += part.length;
  }
  finish(filled, size);
  return digest();
}

/** Compress what is whole; how many bytes of the next block are kept. */
function taken(part: Uint8Array, filled: number): number {
  let at = 0;
  let kept = filled;
  while (kept + part.length - at >= 64) {
    if (kept === 0) compress(part, at);
    else {
      block.set(part.subarray(at, at + 64 - kept), kept);
      compress(block, 0);
    }
    at += 64 - kept;
    kept = 0;
  }
  while (at < part.length) block[kept++] = part[at++]!;
  return kept;
}

function finish(filled: number, size: number): void {
  block[filled] = 0x80;
  block.fill(0, filled + 1);
  if (filled >= 56) {
    compress(block, 0);
    block.fill(0);
  }
  const [high, low] = [Math.floor(size / 2 ** 29), (size << 3) >>> 0];
  for (let at = 0; at < 4; at++) {
    block[56 + at] = high >>> (24 - 8 * at);
    block[60 + at] = low >>> (24 - 8 * at);
  }
  compress(block, 0);
}

function digest(): Bytes {
  const out = new Uint8Array(32);
  for (let at = 0; at < 32; at++) out[at] = state[at >> 2]! >>> (24 - 8 * (at & 3));
  return out;
}

function compress(data: Uint8Array, from: number): void {
  schedule(data, from);
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
  for (let at = 0; at < 64; at++) {
    const one = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const first = (h + one + (g ^ (e & (f ^ g))) + ROUND[at]! + words[at]!) | 0;
    const zero = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const second = (zero + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
  state[4] = state[4]! + e;
  state[5] = state[5]! + f;
  state[6] = state[6]! + g;
  state[7] = state[7]! + h;
}

function schedule(data: Uint8Array, from: number): void {
  for (let at = 0, place = from; at < 16; at++, place += 4) {
    words[at] = (data[place]! << 24) | (data[place + 1]! << 16) | (data[place + 2]! << 8) | data[place + 3]!;
  }
  for (let at = 16; at < 64; at++) {
    const near = words[at - 2]!;
    const far = words[at - 15]!;
    const one = ((near >>> 17) | (near << 15)) ^ ((near >>> 19) | (near << 13)) ^ (near >>> 10);
    const zero = ((far >>> 7) | (far << 25)) ^ ((far >>> 18) | (far << 14)) ^ (far >>> 3);
    words[at] = words[at - 16]! + zero + words[at - 7]! + one;
  }
}

function fraction(root: number): number {
  return ((root % 1) * 2 ** 32) | 0;
}

function firstPrimes(count: number): number[] {
  const found: number[] = [];
  for (let candidate = 2; found.length < count; candidate++) {
    if (found.every((prime) => candidate % prime)) found.push(candidate);
  }
  return found;
}
