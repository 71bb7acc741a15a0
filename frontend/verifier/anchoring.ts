// Time and witnesses from outside the operator's reach: time stamps over anchor trees, cosignatures on heads. Whoever
// stamped or cosigned counts only if the trust file names them.
import { type Bytes, unb64, utf8 } from "./bytes.ts";
import { checkpointNames, type Dossier, reading } from "./dossier.ts";
import { hasExactly, isWhole, type Json, loadsObject } from "./json.ts";
import * as layout from "./layout.ts";
import { Malformed } from "./malformed.ts";
import * as merkle from "./merkle.ts";
import * as note from "./note.ts";
import { sha256 } from "./sha256.ts";
import * as timestamp from "./timestamp.ts";

const AHEAD_MS = 5 * 60 * 1000;
const STAMPED = utf8("evb.anchor.v1\0");
const MAX_PATH = 64;
const MAX_TOKENS = 16;
const MEMBERS = ["size", "index", "tree_size", "root", "path", "tokens"];

/** The head of `size` leaves is leaf `index` of an anchor tree; `tokens` (DER) stamp the root of that tree. */
interface Anchor {
  size: number;
  index: number;
  treeSize: number;
  root: Bytes;
  path: Bytes[];
  tokens: Bytes[];
}

/** Anchors and cosignatures fit their heads; what the trusted ones among them say is kept for later stages. */
export async function checkAnchors(dossier: Dossier): Promise<void> {
  const before = dossier.failed;
  const file = dossier.members.get(layout.ANCHORS);
  if (file) {
    const anchors = reading(layout.ANCHORS, parse, file);
    for (const [at, anchor] of anchors.entries()) await checkAnchor(dossier, anchor, `${layout.ANCHORS}:${at + 1}`);
    dossier.conclude("ANCHOR", layout.ANCHORS, `${anchors.length} anchors fit their heads`, before);
  }
  const names = checkpointNames(dossier.members);
  for (const [at, signed] of dossier.notes.entries()) await checkCosignatures(dossier, signed, names[at]!);
}

/** Is everything that the bundle shows covered by a trusted time, and by enough witnesses? */
export function conclude(dossier: Dossier): void {
  const last = dossier.leaves.reduce((most, leaf) => Math.max(most, leaf.index), -1);
  concludeTime(dossier, last);
  concludeWitness(dossier, last);
}

async function checkAnchor(dossier: Dossier, anchor: Anchor, where: string): Promise<void> {
  const head = dossier.notes.find(({ checkpoint }) => checkpoint.size === anchor.size);
  const leaf = head && merkle.leafHash(utf8(head.checkpoint.body));
  if (!leaf || !merkle.includes(leaf, anchor.index, anchor.treeSize, anchor.path, anchor.root)) {
    dossier.fail("ANCHOR-BAD", where, `no head of size ${anchor.size} is in the anchor tree`);
    return;
  }
  const imprint = sha256(STAMPED, anchor.root);
  for (const data of anchor.tokens) {
    const token = reading(where, timestamp.parse, data);
    for (const tsa of dossier.question.trust?.tsas ?? []) {
      if (!timestamp.names(token, tsa.certificate)) continue;
      const fits = token.imprint.every((byte, at) => byte === imprint[at]);
      if (!fits || !(await timestamp.holds(token, tsa.certificate))) {
        dossier.fail("ANCHOR-BAD", where, `the time stamp of ${tsa.name} does not hold`);
      } else {
        prove(dossier, anchor.size, token.timeMs, tsa.name, where);
      }
    }
  }
}

async function checkCosignatures(dossier: Dossier, signed: note.SignedNote, where: string): Promise<void> {
  const { size } = signed.checkpoint;
  for (const witness of dossier.question.trust?.witnesses ?? []) {
    const cosigned = await note.cosignature(signed, witness.name, witness.public);
    if (!cosigned) continue;
    if (!cosigned.good) {
      dossier.fail("NOTE-SIG", where, `the cosignature of ${witness.name} does not hold`);
      continue;
    }
    dossier.witnesses.set(size, (dossier.witnesses.get(size) ?? new Set()).add(witness.name));
    prove(dossier, size, cosigned.timeMs, witness.name, where);
  }
}

function prove(dossier: Dossier, size: number, timeMs: number, by: string, where: string): void {
  if (timeMs > dossier.question.atMs + AHEAD_MS) {
    dossier.fail("TIME-FUTURE", where, `${by} stamped it later than now`);
  }
  const known = dossier.proven.get(size);
  if (!known || earlier({ timeMs, by }, known)) dossier.proven.set(size, { timeMs, by });
}

function concludeTime(dossier: Dossier, last: number): void {
  const found = provenBefore(dossier, last + 1);
  if (!found) {
    dossier.report.skip("TIME", "bundle", "no time stamp of a third party: times are the operator's word");
    return;
  }
  for (const [at, leaf] of dossier.leaves.entries()) {
    const proven = provenBefore(dossier, leaf.index + 1);
    if (proven && leaf.timeMs > proven.timeMs + AHEAD_MS) {
      dossier.fail("CLOCK-SKEW", `${layout.LEAVES}:${at + 1}`, `${proven.by} stamped it before its own time`);
    }
  }
  const moment = new Date(found.timeMs).toISOString();
  dossier.report.passed("TIME", "bundle", `everything here existed at ${moment} (${found.by})`);
  raiseTo(dossier, 2);
}

function concludeWitness(dossier: Dossier, last: number): void {
  const { witnesses, quorum } = dossier.question.trust ?? { witnesses: [], quorum: 1 };
  if (!witnesses.length) {
    dossier.report.skip("WITNESS", "bundle", "no witness cosigned the checkpoints");
    return;
  }
  const counts = [...dossier.witnesses].map(([size, names]) => (size > last ? names.size : 0));
  const most = Math.max(0, ...counts);
  if (most < quorum) {
    const message = `${most} trusted witnesses cosigned a head over it, not ${quorum}`;
    dossier.fail("WITNESS-QUORUM", "bundle", message);
    return;
  }
  dossier.report.passed("WITNESS", "bundle", `${most} trusted witnesses cosigned a head over everything here`);
  raiseTo(dossier, 3);
}

/** The earliest time at which somebody trusted saw a head of at least this size: it commits to every smaller one. */
export function provenBefore(dossier: Dossier, size: number): Proven | undefined {
  const later = [...dossier.proven].filter(([known]) => known >= size).map(([, proven]) => proven);
  return later.reduce<Proven | undefined>((best, one) => (best && !earlier(one, best) ? best : one), undefined);
}

type Proven = { timeMs: number; by: string };

const earlier = (one: Proven, other: Proven): boolean =>
  one.timeMs < other.timeMs || (one.timeMs === other.timeMs && one.by < other.by);

/** Only a trusted signature can be improved on. */
function raiseTo(dossier: Dossier, level: number): void {
  if (dossier.report.assurance >= 1) dossier.report.assurance = Math.max(dossier.report.assurance, level);
}

function parse(data: Bytes): Anchor[] {
  const members = loadsObject(data);
  const items = members.get("anchors");
  if (!hasExactly(members, ["anchors"]) || !Array.isArray(items)) throw malformed("not a list of anchors");
  return items.map(anchorOf);
}

function anchorOf(item: Json): Anchor {
  if (!(item instanceof Map) || !hasExactly(item, MEMBERS)) throw malformed("not an anchor");
  const [path, tokens] = [item.get("path"), item.get("tokens")];
  if (!Array.isArray(path) || path.length > MAX_PATH) throw malformed("a proof is a short list of hashes");
  if (!Array.isArray(tokens) || tokens.length > MAX_TOKENS) throw malformed("an anchor has a short list of time stamps");
  return {
    size: whole(item.get("size")!),
    index: whole(item.get("index")!),
    treeSize: whole(item.get("tree_size")!),
    root: unb64(item.get("root"), "SCHEMA", 32),
    path: path.map((step) => unb64(step, "SCHEMA", 32)),
    tokens: tokens.map((token) => unb64(token)),
  };
}

function whole(value: Json): number {
  if (!isWhole(value) || value < 0) throw malformed("a whole number expected");
  return value;
}

const malformed = (message: string) => new Malformed("SCHEMA", message);
