// The two byte strings of the record: the event E and the leaf L, each hashed once.
//   event_hash = SHA-256("evb.event.v1\0" || E),  leaf hash = SHA-256(0x00 || L)
import { type Bytes, hex, unhex, utf8 } from "./bytes.ts";
import { hasExactly, isWhole, type Json, loadsObject, type Members } from "./json.ts";
import { Malformed } from "./malformed.ts";
import { sha256 } from "./sha256.ts";

const MAX_EVENT = 16 * 1024;
const DOMAIN = utf8("evb.event.v1\0");
const REQUIRED = ["v", "id", "type", "origin", "time", "actor", "data"];

/** A parsed event. `timeMs` is what the emitter claimed; `seq` is 0 outside a run. */
export interface Event {
  id: string;
  type: string;
  origin: string;
  timeMs: number;
  actor: Members;
  data: Members;
  run: string;
  seq: number;
  prev: string;
  hash: Bytes;
}

/** A parsed leaf. `timeMs` is when it was sequenced, never earlier than the leaf before. */
export interface Leaf {
  eventHash: Bytes;
  index: number;
  origin: string;
  previous: Bytes;
  timeMs: number;
}

/** Read one event; throws Malformed for a byte string that is not exactly one canonical event. */
export function parseEvent(body: Bytes): Event {
  if (body.length > MAX_EVENT) throw new Malformed("LIMIT", `an event is larger than ${MAX_EVENT} bytes`);
  const members = loadsObject(body);
  if (members.get("v") !== 1) throw new Malformed("VERSION", "the event is of an unknown version");
  if (!hasExactly(members, members.has("run") ? [...REQUIRED, "run"] : REQUIRED)) {
    throw new Malformed("SCHEMA", "the event misses members or has unknown ones");
  }
  const actor = object(members.get("actor")!, ["kind", "id", "method"], "on_behalf_of");
  const data = members.get("data")!;
  if (!(data instanceof Map)) throw new Malformed("SCHEMA", "the data of an event is an object");
  const place = members.has("run") ? placeInRun(members.get("run")!) : { run: "", seq: 0, prev: "" };
  return {
    id: text(members.get("id")!),
    type: text(members.get("type")!),
    origin: text(members.get("origin")!),
    timeMs: count(members.get("time")!),
    actor,
    data,
    ...place,
    hash: sha256(DOMAIN, body),
  };
}

/** Read one leaf; throws Malformed. */
export function parseLeaf(line: Bytes): Leaf {
  const members = loadsObject(line);
  if (members.get("v") !== 1) throw new Malformed("VERSION", "the leaf is of an unknown version");
  if (!hasExactly(members, ["e", "n", "o", "p", "t", "v"])) {
    throw new Malformed("SCHEMA", "the leaf misses members or has unknown ones");
  }
  return {
    eventHash: unhex(members.get("e")),
    index: count(members.get("n")!),
    origin: text(members.get("o")!),
    previous: unhex(members.get("p")),
    timeMs: count(members.get("t")!),
  };
}

/** [JSON pointer, commitment] of everything that is committed to and not contained. */
export function commitments(event: Event): [string, Members][] {
  return within("/data", event.data);
}

function within(path: string, value: Json): [string, Members][] {
  if (value instanceof Map && hasExactly(value, ["c", "len", "mt"])) return [[path, value]];
  if (value instanceof Map) return [...value].flatMap(([name, member]) => within(pointer(path, name), member));
  if (Array.isArray(value)) return value.flatMap((item, index) => within(pointer(path, String(index)), item));
  return [];
}

/** RFC 6901: one step further down. */
function pointer(path: string, member: string): string {
  return `${path}/${member.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function placeInRun(value: Json): Pick<Event, "run" | "seq" | "prev"> {
  const members = object(value, ["id", "seq"], "prev");
  const seq = count(members.get("seq")!);
  if (seq < 1 || seq > 1 !== members.has("prev")) {
    throw new Malformed("SCHEMA", "run events count from 1, and all but the first name their predecessor");
  }
  const run = text(members.get("id")!);
  return { run, seq, prev: members.has("prev") ? hex(unhex(members.get("prev"))) : "" };
}

function object(value: Json, required: string[], optional: string): Members {
  const expected = value instanceof Map && value.has(optional) ? [...required, optional] : required;
  if (!(value instanceof Map) || !hasExactly(value, expected)) {
    throw new Malformed("SCHEMA", "an object misses members or has unknown ones");
  }
  return value;
}

function text(value: Json): string {
  if (typeof value !== "string" || !value) throw new Malformed("SCHEMA", "text expected");
  return value;
}

function count(value: Json): number {
  if (!isWhole(value) || value < 0) throw new Malformed("SCHEMA", "a whole number expected");
  return value;
}
