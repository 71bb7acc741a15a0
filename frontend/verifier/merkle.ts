// Merkle trees over SHA-256: RFC 6962 hashing, the proof algorithms of RFC 9162 §2.1. Sizes go beyond 32 bits, so
// halving is division, not a shift.
import { type Bytes, equal } from "./bytes.ts";
import { sha256 } from "./sha256.ts";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const leafHash = (leaf: Uint8Array): Bytes => sha256(LEAF, leaf);
export const nodeHash = (left: Bytes, right: Bytes): Bytes => sha256(NODE, left, right);

/** The root over already hashed leaves. */
export function rootOf(hashes: Bytes[]): Bytes {
  const peaks: Bytes[] = [];
  hashes.forEach((hashed, size) => grow(peaks, size, hashed));
  return rootFromPeaks(peaks);
}

/** Grow a tree of `size` leaves by one, in place; `peaks` are the roots of its complete subtrees, largest first. */
export function grow(peaks: Bytes[], size: number, leaf: Bytes): void {
  let carried = leaf;
  for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) carried = nodeHash(peaks.pop()!, carried);
  peaks.push(carried);
}

export function rootFromPeaks(peaks: Bytes[]): Bytes {
  if (!peaks.length) return sha256();
  return peaks.reduceRight((root, peak) => nodeHash(peak, root));
}

/** How many complete subtrees make up a tree of so many leaves. */
export function peakCount(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

/** RFC 9162 §2.1.3.2, path length included. */
export function includes(leaf: Bytes, index: number, size: number, path: Bytes[], root: Bytes): boolean {
  if (index < 0 || index >= size) return false;
  const climb = new Climb(index, size - 1);
  let computed = leaf;
  for (const step of path) {
    if (climb.top) return false;
    computed = climb.comesFromLeft() ? nodeHash(step, computed) : nodeHash(computed, step);
  }
  return climb.top && equal(computed, root);
}

/** RFC 9162 §2.1.4.2: the tree of `to` leaves extends the tree of `from` leaves. */
export function extendsTree(from: number, to: number, oldRoot: Bytes, newRoot: Bytes, path: Bytes[]): boolean {
  if (from === to) return !path.length && equal(oldRoot, newRoot);
  if (from <= 0 || from > to || !path.length) return false;
  const [first, ...steps] = isPowerOfTwo(from) ? [oldRoot, ...path] : path;
  const climb = new Climb(from - 1, to - 1);
  climb.skipRightEdges();
  let [before, after] = [first!, first!];
  for (const step of steps) {
    if (climb.top) return false;
    if (climb.comesFromLeft()) [before, after] = [nodeHash(step, before), nodeHash(step, after)];
    else after = nodeHash(after, step);
  }
  return climb.top && equal(before, oldRoot) && equal(after, newRoot);
}

/** The way from a node to the root: `at` is its index on a level whose last index is `last`. */
class Climb {
  private at: number;
  private last: number;

  constructor(at: number, last: number) {
    this.at = at;
    this.last = last;
  }

  get top(): boolean {
    return this.last === 0;
  }

  /** Go up by one step of a proof; true when the sibling stands on the left. */
  comesFromLeft(): boolean {
    const left = this.at % 2 === 1 || this.at === this.last;
    if (left) while (this.at % 2 === 0 && this.at !== 0) this.up();
    this.up();
    return left;
  }

  skipRightEdges(): void {
    while (this.at % 2 === 1) this.up();
  }

  private up(): void {
    this.at = Math.floor(this.at / 2);
    this.last = Math.floor(this.last / 2);
  }
}

function isPowerOfTwo(value: number): boolean {
  let rest = value;
  while (rest % 2 === 0) rest /= 2;
  return rest === 1;
}
