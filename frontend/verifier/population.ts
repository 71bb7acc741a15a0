// A period: all leaves of a range, grown onto the tree that was there before. Nothing can be left out: the leaves must
// fill the range without a gap and grow the tree to the signed head.
import { type Bytes, equal, utf8 } from "./bytes.ts";
import { checkChain, runsOf } from "./chains.ts";
import { type Dossier, reading } from "./dossier.ts";
import { checkNeighbour } from "./history.ts";
import * as layout from "./layout.ts";
import * as merkle from "./merkle.ts";
import * as note from "./note.ts";

/** The leaves are of this log, linked, and as many as the range between the two heads has places. */
export function checkRange(dossier: Dossier): void {
  const before = dossier.failed;
  const { claims, leaves } = dossier;
  let expected = claims.first_leaf;
  for (const [at, { origin, index }] of leaves.entries()) {
    const where = `${layout.LEAVES}:${at + 1}`;
    if (!note.continues(origin, claims.origin)) dossier.fail("CROSS-TENANT", where, `the leaf is of the log ${origin}`);
    if (index > expected) dossier.fail("POPULATION-GAP", where, `leaves ${expected} to ${index - 1} are not here`);
    if (index >= claims.size) {
      dossier.fail("INCLUSION", where, `leaf ${index} is not in the tree of size ${claims.size}`);
    }
    if (at > 0) checkNeighbour(dossier, at, where);
    expected = index + 1;
  }
  if (expected < claims.size) {
    dossier.fail("POPULATION-GAP", layout.LEAVES, `leaves ${expected} to ${claims.size - 1} are not here`);
  }
  dossier.conclude("RANGE", layout.LEAVES, `${leaves.length} leaves without a gap`, before);
}

/** From the tree before the period, the leaves grow the trees of all signed heads. The heads need no other proof. */
export function checkGrowth(dossier: Dossier): void {
  const before = dossier.failed;
  const begin = dossier.claims.first_leaf;
  if (dossier.frontier.length !== merkle.peakCount(begin)) {
    dossier.fail("CONSISTENCY", layout.FRONTIER, `not the frontier of a tree of ${begin} leaves`);
    return;
  }
  if (begin && !sizes(dossier).has(begin)) {
    dossier.fail("POPULATION-GAP", layout.CHECKPOINTS, `no signed head of size ${begin} begins the period`);
  }
  if (grow(dossier, begin)) checkHeads(dossier, begin);
  dossier.conclude("INCLUSION", layout.LEAVES, `${dossier.leaves.length} leaves grow the signed trees`, before);
}

/** Each run is without a gap as far as the period shows it; sealed runs are what their seals say. */
export function checkRuns(dossier: Dossier): void {
  const before = dossier.failed;
  const runs = runsOf(dossier.events);
  for (const events of runs) checkChain(dossier, events, dossier.claims.first_leaf === 0);
  dossier.conclude("RUNS", layout.EVENTS, `${runs.length} runs without a gap`, before);
}

const sizes = (dossier: Dossier): Set<number> => new Set(dossier.notes.map((signed) => signed.checkpoint.size));

/** Append the leaves; keep the roots at the sizes that somebody signed or remembers. False where one is missing. */
function grow(dossier: Dossier, begin: number): boolean {
  const brought = dossier.remembered.map(([where, text]) => reading(where, note.parse, utf8(text)).checkpoint.size);
  const wanted = new Set([...sizes(dossier), ...brought]);
  const peaks: Bytes[] = [...dossier.frontier];
  dossier.grown.set(begin, merkle.rootFromPeaks(peaks));
  for (const [at, leaf] of dossier.leaves.entries()) {
    const size = begin + at;
    if (leaf.index !== size) {
      dossier.grown.clear();
      return false;
    }
    merkle.grow(peaks, size, dossier.leafHashes[at]!);
    if (wanted.has(size + 1)) dossier.grown.set(size + 1, merkle.rootFromPeaks(peaks));
  }
  return true;
}

function checkHeads(dossier: Dossier, begin: number): void {
  for (const { checkpoint: { size, root } } of dossier.notes) {
    const grown = dossier.grown.get(size);
    if (!grown || equal(grown, root)) continue;
    const [code, where] = size === begin ? ["CONSISTENCY", layout.FRONTIER] : ["INCLUSION", layout.LEAVES];
    dossier.fail(code!, where!, `the leaves do not grow the tree of size ${size}`);
    dossier.grown.clear();
    return;
  }
}
