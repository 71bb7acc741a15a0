// Middle stages: the signed heads, one tree behind them, and the leaves inside it.
import { provenBefore } from "./anchoring.ts";
import { checkKey } from "./authority.ts";
import { type Bytes, equal, hex, utf8 } from "./bytes.ts";
import { checkpointNames, type Dossier, linesOf, parseConsistency, parseFrontier, parseProofs, reading } from "./dossier.ts";
import { type Leaf, parseLeaf } from "./envelope.ts";
import { type Key, ofUse } from "./keyring.ts";
import * as layout from "./layout.ts";
import * as merkle from "./merkle.ts";
import * as note from "./note.ts";
import type { SignedNote } from "./note.ts";

/** Read leaves and proofs; what they say is judged against the heads later. */
export function checkLeavesForm(dossier: Dossier): void {
  dossier.leaves = dossier.parsed(layout.LEAVES, parseLeaf);
  dossier.kept = dossier.leaves.map((leaf, at) => [at + 1, leaf]);
  dossier.leafHashes = linesOf(dossier.file(layout.LEAVES), layout.LEAVES).map(merkle.leafHash);
  if (dossier.claims.kind === "period") {
    dossier.frontier = reading(layout.FRONTIER, parseFrontier, dossier.file(layout.FRONTIER));
  } else dossier.proofs = reading(layout.PROOFS, parseProofs, dossier.file(layout.PROOFS));
  dossier.consistency = reading(layout.CONSISTENCY, parseConsistency, dossier.file(layout.CONSISTENCY));
}

/** Read the heads; who signed them is judged later. */
export function readCheckpoints(dossier: Dossier): void {
  const names = checkpointNames(dossier.members);
  dossier.notes = names.map((name) => reading(name, note.parse, dossier.file(name)));
}

/** Each head is signed by a checkpoint key of the keyring, for the log that the statement names. */
export async function checkCheckpoints(dossier: Dossier): Promise<void> {
  const before = dossier.failed;
  for (const [at, name] of checkpointNames(dossier.members).entries()) {
    await checkNote(dossier, dossier.notes[at]!, name);
  }
  const { checkpoint, text } = dossier.lastNote;
  if (checkpoint.size !== dossier.claims.size || hex(checkpoint.root) !== dossier.claims.root) {
    dossier.fail("COUNT", layout.STATEMENT, "the last checkpoint is not the one that the statement names");
  }
  if (note.goesBack(dossier.claims.origin, checkpoint.origin)) {
    dossier.fail("ORIGIN", layout.STATEMENT, `the last checkpoint is of the epoch ${checkpoint.origin}`);
  }
  dossier.report.note = text;
  dossier.conclude("CHECKPOINT", layout.CHECKPOINTS, `${dossier.notes.length} signed heads`, before);
}

/** Each head extends the one before: one history, not two. */
export async function checkConsistency(dossier: Dossier): Promise<void> {
  const before = dossier.failed;
  for (const [at, newer] of dossier.notes.slice(1).entries()) {
    await compare(dossier, dossier.notes[at]!, newer, layout.CONSISTENCY);
  }
  dossier.conclude("CONSISTENCY", layout.CONSISTENCY, "the heads follow one another", before);
}

/** Heads that the auditor remembers must lie on the same line of history. */
export async function checkKnown(dossier: Dossier): Promise<void> {
  if (!dossier.remembered.length) {
    const message = "no remembered head was given: a rewrite by the operator would not show";
    dossier.report.skip("KNOWN", "known", message);
  }
  for (const [where, text] of dossier.remembered) await checkRemembered(dossier, text, where, where.startsWith("known:"));
}

/** Every leaf is in the tree of the last head, in order, linked to its neighbour, never earlier than it. */
export function checkInclusion(dossier: Dossier): void {
  const before = dossier.failed;
  const head = dossier.lastNote.checkpoint;
  for (const [at, leaf] of dossier.leaves.entries()) {
    const where = `${layout.LEAVES}:${at + 1}`;
    if (!note.continues(leaf.origin, dossier.claims.origin)) {
      dossier.fail("CROSS-TENANT", where, `the leaf is of the log ${leaf.origin}`);
    }
    checkProof(dossier, leaf, dossier.leafHashes[at]!, head, where);
    if (at > 0) checkNeighbour(dossier, at, where);
  }
  const message = `${dossier.leaves.length} leaves are in the tree of size ${head.size}`;
  dossier.conclude("INCLUSION", layout.LEAVES, message, before);
}

/** The text of a remembered note; throws Malformed when it is not one. */
export function remembered(data: Bytes): string {
  return reading("known", note.parse, data).text;
}

async function checkNote(dossier: Dossier, signed: SignedNote, where: string): Promise<void> {
  const { origin, size } = signed.checkpoint;
  if (!note.continues(origin, dossier.claims.origin)) dossier.fail("ORIGIN", where, `the checkpoint is of the log ${origin}`);
  const found = await signature(dossier, signed);
  if (!found) {
    dossier.fail("NOTE-KEY", where, "no key of the keyring signed the checkpoint");
    return;
  }
  if (!found.good) dossier.fail("NOTE-SIG", where, `the signature of ${found.key.kid} does not hold`);
  checkKey(dossier, found.key, where, latestMs(dossier, size), provenBefore(dossier, size)?.timeMs);
}

/** The keyring's key that the note claims, and whether its signature holds. Unknown keys are ignored. */
async function signature(dossier: Dossier, signed: SignedNote): Promise<{ key: Key; good: boolean } | null> {
  for (const key of ofUse(dossier.ring, "checkpoint")) {
    const line = note.lineOf(signed, signed.checkpoint.origin, key.public);
    if (line) return { key, good: await note.holds(signed, line, key.public) };
  }
  return null;
}

/** A lower bound for the time of a head: the newest leaf under it that the bundle shows. */
function latestMs(dossier: Dossier, size: number): number {
  return dossier.leaves.reduce((latest, leaf) => (leaf.index < size ? Math.max(latest, leaf.timeMs) : latest), 0);
}

/** True when `newer` provably extends `older`; everything else leaves a finding. */
async function compare(dossier: Dossier, older: SignedNote, newer: SignedNote, where: string): Promise<boolean> {
  const [from, to] = [older.checkpoint, newer.checkpoint];
  if (from.size === to.size) return compareEqual(dossier, older, newer, where);
  if (from.size > to.size) {
    dossier.fail("CP-ORDER", where, `size ${from.size} stands before size ${to.size}`);
    return false;
  }
  if (note.goesBack(from.origin, to.origin)) {
    dossier.fail("CP-ORDER", where, `the epoch ${to.origin} stands behind the epoch ${from.origin}`);
    return false;
  }
  const [before, after] = [dossier.grown.get(from.size), dossier.grown.get(to.size)];
  if (before && after) return equal(before, from.root) || differ(dossier, older, newer, where);
  const path = dossier.consistency.get(`${from.size} ${to.size}`);
  if (!path) {
    dossier.fail("MISSING-PROOF", where, `no proof from size ${from.size} to size ${to.size}`);
    return false;
  }
  if (!merkle.extendsTree(from.size, to.size, from.root, to.root, path)) {
    dossier.fail("CONSISTENCY", where, `size ${to.size} does not extend size ${from.size}`);
    return false;
  }
  return true;
}

async function compareEqual(dossier: Dossier, one: SignedNote, other: SignedNote, where: string): Promise<boolean> {
  return equal(one.checkpoint.root, other.checkpoint.root) || differ(dossier, one, other, where);
}

/** Two heads that cannot both be true: with both signatures that is a proof against the operator. */
async function differ(dossier: Dossier, one: SignedNote, other: SignedNote, where: string): Promise<boolean> {
  const sizes = `the heads of size ${one.checkpoint.size} and ${other.checkpoint.size} cannot both be true`;
  if ((await signature(dossier, one))?.good && (await signature(dossier, other))?.good) {
    dossier.fail("EQUIVOCATION", where, `${sizes}, and both are signed`);
    dossier.report.conflictingNotes.push(one.text, other.text);
  } else dossier.fail("CONSISTENCY", where, sizes);
  return false;
}

/** A head of another log is passed over only in a trust file, and only if it is not this log in another epoch. One of
 * an earlier epoch is good when this epoch provably goes on with it: then nothing that it covers was lost. */
async function checkRemembered(dossier: Dossier, text: string, where: string, asked: boolean): Promise<void> {
  const known = reading(where, note.parse, utf8(text));
  const last = dossier.lastNote;
  const { origin, size } = known.checkpoint;
  if (origin !== last.checkpoint.origin && !goesOn(dossier, known, last)) {
    const message = `the remembered head is of the log ${origin}`;
    if (asked || withoutEpoch(known) === withoutEpoch(last)) dossier.fail("MISSING-PROOF", where, message);
    else dossier.report.skip("KNOWN", where, message);
    return;
  }
  if (size > last.checkpoint.size) {
    dossier.fail("STALE", where, `size ${size} is remembered, the bundle ends at ${last.checkpoint.size}`);
    return;
  }
  const same = dossier.notes.find((own) => own.checkpoint.size === size);
  if (await compare(dossier, known, same ?? last, where)) {
    dossier.report.passed("KNOWN", where, `the remembered head of size ${size} is part of it`);
    if (dossier.report.assurance >= 1) dossier.report.assurance = 3;
  }
}

function goesOn(dossier: Dossier, known: SignedNote, last: SignedNote): boolean {
  const [from, to] = [known.checkpoint, last.checkpoint];
  if (!note.continues(from.origin, to.origin) || from.size > to.size) return false;
  const grown = dossier.grown.get(from.size);
  if (grown) return equal(grown, from.root);
  return merkle.extendsTree(from.size, to.size, from.root, to.root, dossier.consistency.get(`${from.size} ${to.size}`) ?? []);
}

function withoutEpoch({ checkpoint }: SignedNote): string {
  return checkpoint.origin.slice(0, Math.max(0, checkpoint.origin.lastIndexOf("/")));
}

function checkProof(dossier: Dossier, leaf: Leaf, hashed: Bytes, head: note.Checkpoint, where: string): void {
  const path = dossier.proofs.get(leaf.index);
  if (!path) {
    dossier.fail("MISSING-PROOF", where, `no proof for leaf ${leaf.index}`);
  } else if (!merkle.includes(hashed, leaf.index, head.size, path, head.root)) {
    dossier.fail("INCLUSION", where, `leaf ${leaf.index} is not in the tree of size ${head.size}`);
  }
}

export function checkNeighbour(dossier: Dossier, at: number, where: string): void {
  const [previous, leaf] = [dossier.leaves[at - 1]!, dossier.leaves[at]!];
  if (leaf.index <= previous.index) {
    dossier.fail("ORDER", where, `leaf ${leaf.index} stands behind leaf ${previous.index}`);
  }
  if (leaf.index === previous.index + 1 && !equal(leaf.previous, dossier.leafHashes[at - 1]!)) {
    dossier.fail("CHAIN", where, `leaf ${leaf.index} is not linked to leaf ${previous.index}`);
  }
  if (note.goesBack(previous.origin, leaf.origin)) {
    dossier.fail("ORDER", where, `leaf ${leaf.index} is of an earlier epoch than leaf ${previous.index}`);
  }
  if (leaf.timeMs < previous.timeMs) {
    dossier.fail("TIME-BACKWARDS", where, `leaf ${leaf.index} is earlier than leaf ${previous.index}`);
  }
}
