// SHA-256 (FIPS 180-4), synchronous: a tree asks for hundreds of thousands of short digests, and a promise for each
// of them would cost more than the digest.
import type { Bytes } from "./bytes.ts";

const PRIMES = firstPrimes(64);
const ROUND = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

export function sha256(...parts: Uint8Array[]): Bytes {
  const state = START.slice();
  const words = new Int32Array(64);
  const block = new Uint8Array(64);
  const view = new DataView(block.buffer);
  let filled = 0;
  let size = 0;
  for (const part of parts) {
    size += part.length;
    for (let at = 0; at < part.length; ) {
      const taken = Math.min(64 - filled, part.length - at);
      block.set(part.subarray(at, at + taken), filled);
      at += taken;
      filled += taken;
      if (filled === 64) {
        compress(state, words, view);
        filled = 0;
      }
    }
  }
  finish(state, words, block, view, filled, size);
  return digest(state);
}

function finish(state: Int32Array, words: Int32Array, block: Uint8Array, view: DataView, filled: number, size: number) {
  block[filled] = 0x80;
  block.fill(0, filled + 1);
  if (filled >= 56) {
    compress(state, words, view);
    block.fill(0);
  }
  view.setUint32(56, Math.floor(size / 2 ** 29));
  view.setUint32(60, (size << 3) >>> 0);
  compress(state, words, view);
}

function digest(state: Int32Array): Bytes {
  const out = new Uint8Array(32);
  const view = new DataView(out.buffer);
  state.forEach((word, at) => view.setInt32(4 * at, word));
  return out;
}

function compress(state: Int32Array, words: Int32Array, block: DataView): void {
  for (let at = 0; at < 16; at++) words[at] = block.getInt32(4 * at);
  for (let at = 16; at < 64; at++) {
    const near = words[at - 2]!;
    const far = words[at - 15]!;
    const one = turned(near, 17) ^ turned(near, 19) ^ (near >>> 10);
    const zero = turned(far, 7) ^ turned(far, 18) ^ (far >>> 3);
    words[at] = (words[at - 16]! + zero + words[at - 7]! + one) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let at = 0; at < 64; at++) {
    const one = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const first = (h + one + ((e & f) ^ (~e & g)) + ROUND[at]! + words[at]!) | 0;
    const zero = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
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
  [a, b, c, d, e, f, g, h].forEach((word, at) => (state[at] = (state[at]! + word) | 0));
}

function turned(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
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
