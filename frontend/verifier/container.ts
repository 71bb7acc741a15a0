// The canonical container: a ZIP of stored members in ascending order with fixed header fields. The reader takes the
// archive apart front to back, packs it again and demands the same bytes.
import { type Bytes, equal, joined, utf8 } from "./bytes.ts";
import { Malformed } from "./malformed.ts";

export type Files = Map<string, Bytes>;

const MAX_MEMBERS = 2000;
export const MAX_BYTES = 256 * 1024 * 1024;

const LOCAL_SIZE = 30;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;
const CRC = crcTables();

/** The members of a canonical archive; throws Malformed for every other byte string. */
export function unpack(archive: Bytes): Files {
  if (archive.length > MAX_BYTES) throw new Malformed("LIMIT", `larger than ${MAX_BYTES} bytes`);
  const members: Files = new Map();
  let offset = 0;
  while (startsEntry(archive, offset)) {
    const [name, content, end] = readEntry(archive, offset);
    if (members.has(name)) throw new Malformed("ZIP-DUP", `${name} appears twice`);
    members.set(name, content);
    if (members.size > MAX_MEMBERS) throw new Malformed("LIMIT", `more than ${MAX_MEMBERS} members`);
    offset = end;
  }
  if (!isMadeOf(pack(members), archive)) throw new Malformed("ZIP-FORMAT", "the archive is not in canonical form");
  return members;
}

/** Do the pieces, one behind the other, make the whole? One that lies there already need not be compared. */
function isMadeOf(pieces: Bytes[], whole: Bytes): boolean {
  let at = 0;
  for (const piece of pieces) {
    const there = whole.subarray(at, at + piece.length);
    const same = piece.buffer === whole.buffer && piece.byteOffset === there.byteOffset;
    if (there.length !== piece.length || (!same && !equal(there, piece))) return false;
    at += piece.length;
  }
  return at === whole.length;
}

/** The one archive of these members, in pieces. */
function pack(members: Files): Bytes[] {
  const [body, directory]: [Bytes[], Bytes[]] = [[], []];
  let offset = 0;
  for (const name of [...members.keys()].sort()) {
    const content = members.get(name)!;
    const fixed = [...u16(20, 0x0800, 0, 0, 33), ...u32(crc32(content), content.length, content.length)];
    const path = utf8(name);
    directory.push(
      Uint8Array.from([0x50, 0x4b, 1, 2, ...u16(20), ...fixed, ...u16(path.length, 0, 0, 0, 0), ...u32(0, offset)]),
      path,
    );
    body.push(Uint8Array.from([0x50, 0x4b, 3, 4, ...fixed, ...u16(path.length, 0)]), path, content);
    offset += LOCAL_SIZE + path.length + content.length;
  }
  const [listed, count] = [joined(...directory), members.size];
  const end = [0x50, 0x4b, 5, 6, ...u16(0, 0, count, count), ...u32(listed.length, offset), ...u16(0)];
  return [...body, listed, Uint8Array.from(end)];
}

function startsEntry(archive: Bytes, offset: number): boolean {
  return equal(archive.subarray(offset, offset + 4), Uint8Array.of(0x50, 0x4b, 3, 4));
}

function readEntry(archive: Bytes, offset: number): [string, Bytes, number] {
  if (offset + LOCAL_SIZE > archive.length) throw new Malformed("ZIP-FORMAT", "cut short inside a header");
  const header = new DataView(archive.buffer, archive.byteOffset + offset, LOCAL_SIZE);
  const start = offset + LOCAL_SIZE + header.getUint16(26, true);
  const end = start + header.getUint32(22, true);
  if (end > archive.length) throw new Malformed("ZIP-FORMAT", "cut short inside a member");
  const path = archive.subarray(offset + LOCAL_SIZE, start);
  if (path.some((byte) => byte > 127)) throw new Malformed("ZIP-NAME", "a member name is not ASCII");
  const name = String.fromCharCode(...path.subarray(0, 201));
  if (!NAME.test(name) || path.length > 200) {
    throw new Malformed("ZIP-NAME", `${JSON.stringify(name.slice(0, 80))} is not a safe member name`);
  }
  return [name, archive.subarray(start, end), end];
}

/** Four bytes at a time: table `n` tells what a byte does that has `n` more behind it. */
function crc32(content: Bytes): number {
  const [last, third, second, first] = CRC as [Int32Array, Int32Array, Int32Array, Int32Array];
  let value = -1;
  let at = 0;
  for (; at + 4 <= content.length; at += 4) {
    value ^= content[at]! | (content[at + 1]! << 8) | (content[at + 2]! << 16) | (content[at + 3]! << 24);
    value = first[value & 255]! ^ second[(value >>> 8) & 255]! ^ third[(value >>> 16) & 255]! ^ last[value >>> 24]!;
  }
  for (; at < content.length; at++) value = (value >>> 8) ^ last[(value ^ content[at]!) & 255]!;
  return ~value >>> 0;
}

function crcTables(): Int32Array[] {
  const tables = [Int32Array.from({ length: 256 }, (_, byte) => eightBits(byte))];
  for (let more = 1; more < 4; more++) {
    tables.push(tables[more - 1]!.map((value) => (value >>> 8) ^ tables[0]![value & 255]!));
  }
  return tables;
}

function eightBits(byte: number): number {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
}

const u16 = (...values: number[]): number[] => values.flatMap((value) => [value & 255, (value >>> 8) & 255]);
const u32 = (...values: number[]): number[] => values.flatMap((value) => u16(value & 0xffff, value >>> 16));
