// C2SP signed notes that carry checkpoints: exactly three lines, origin, size, root. Extension lines are refused.
import { type Bytes, equal, joined, text as decoded, unb64, utf8 } from "./bytes.ts";
import { Malformed } from "./malformed.ts";
import { sha256 } from "./sha256.ts";
import { signatureHolds } from "./signatures.ts";

const MAX_SIGNATURES = 64;
const MAX_NOTE = 64 * 1024;
const MAX_TIME_S = 253_402_300_799; // the end of the year 9999
const DASH = "\u2014 ";
const EPOCH = /^(?:([^]*)\/)?(0|[1-9][0-9]{0,8})$/;
const ORIGIN = /^[!-*,-~]{1,255}$/;
const SIZE = /^(0|[1-9][0-9]{0,14})$/;

/** What a log commits to: `size` leaves under `root`, 32 bytes. `body` is what is signed. */
export interface Checkpoint {
  origin: string;
  size: number;
  root: Bytes;
  body: string;
}

export interface SignatureLine {
  name: string;
  keyId: Bytes;
  signature: Bytes;
}

/** A parsed note. `text` is its one and only spelling. */
export interface SignedNote {
  checkpoint: Checkpoint;
  signatures: SignatureLine[];
  text: string;
}

/** An origin ends in the epoch of its log; -1 where there is no number. */
export function logAndEpoch(origin: string): [log: string, epoch: number] {
  const [, log, epoch] = EPOCH.exec(origin) ?? [];
  return epoch === undefined ? [origin, -1] : [log ?? "", Number(epoch)];
}

/** Is `later` the same log, in the same epoch or a later one? */
export function continues(origin: string, later: string): boolean {
  if (origin === later) return true;
  const [[log, epoch], [laterLog, laterEpoch]] = [logAndEpoch(origin), logAndEpoch(later)];
  return log === laterLog && epoch <= laterEpoch;
}

/** Is `later` the same log in an earlier epoch? */
export const goesBack = (origin: string, later: string): boolean => origin !== later && continues(later, origin);

/** The signature line that claims this key, whether it holds or not. */
export function lineOf(note: SignedNote, name: string, key: Bytes): SignatureLine | undefined {
  const wanted = sha256(utf8(`${name}\n`), Uint8Array.of(1), key).subarray(0, 4);
  return note.signatures.find((line) => line.name === name && equal(line.keyId, wanted));
}

export function holds(note: SignedNote, line: SignatureLine, key: Bytes): Promise<boolean> {
  return signatureHolds(key, line.signature, utf8(note.checkpoint.body));
}

/** What a witness says about this head (c2sp.org/tlog-cosignature); null when it says nothing. */
export async function cosignature(
  note: SignedNote, name: string, key: Bytes,
): Promise<{ timeMs: number; good: boolean } | null> {
  const wanted = sha256(utf8(`${name}\n`), Uint8Array.of(4), key).subarray(0, 4);
  const line = note.signatures.find((one) => one.name === name && equal(one.keyId, wanted));
  if (!line) return null;
  if (line.signature.length !== 72) return { timeMs: 0, good: false };
  const at = line.signature.subarray(0, 8).reduce((sum, byte) => sum * 256 + byte, 0);
  if (at > MAX_TIME_S) return { timeMs: 0, good: false };
  const message = utf8(`cosignature/v1\ntime ${at}\n${note.checkpoint.body}`);
  return { timeMs: at * 1000, good: await signatureHolds(key, line.signature.slice(8), message) };
}

/** Read a note; throws Malformed for anything that is not its canonical spelling. */
export function parse(data: Bytes): SignedNote {
  const text = textOf(data);
  const end = text.lastIndexOf("\n\n");
  if (end < 0 || !text.endsWith("\n") || end + 2 === text.length) {
    throw new Malformed("NOTE-FORMAT", "no signature block");
  }
  const lines = text.slice(end + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw new Malformed("LIMIT", `more than ${MAX_SIGNATURES} signatures`);
  return { checkpoint: checkpointOf(text.slice(0, end + 1)), signatures: lines.map(signatureOf), text };
}

function textOf(data: Bytes): string {
  if (data.length > MAX_NOTE) throw new Malformed("LIMIT", "the note is too large");
  const text = decoded(data);
  if (text === null) throw new Malformed("NOTE-FORMAT", "not UTF-8");
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) throw new Malformed("NOTE-FORMAT", "a control character");
  return text;
}

function checkpointOf(body: string): Checkpoint {
  const lines = body.slice(0, -1).split("\n");
  if (lines.length < 3) throw new Malformed("NOTE-FORMAT", "origin, size and root expected");
  if (lines.length > 3) throw new Malformed("NOTE-EXT", "extension lines are not part of this format");
  const [origin, size, root] = lines as [string, string, string];
  if (!ORIGIN.test(origin)) throw new Malformed("NOTE-FORMAT", "not an origin");
  if (!SIZE.test(size)) throw new Malformed("NOTE-FORMAT", "not a tree size");
  return { origin, size: Number(size), root: unb64(root, "NOTE-FORMAT", 32), body };
}

function signatureOf(line: string): SignatureLine {
  const [, name, encoded] = new RegExp(`^${DASH}([^ ]+) ([^]*)$`).exec(line) ?? [];
  if (name === undefined) throw new Malformed("NOTE-FORMAT", "not a signature line");
  const raw = joined(unb64(encoded, "NOTE-FORMAT"));
  if (raw.length < 5) throw new Malformed("NOTE-FORMAT", "a signature is too short");
  return { name, keyId: raw.subarray(0, 4), signature: raw.slice(4) };
}
