// Opened commitments: the content, and the salt that ties it to one place of one event.
import { type Bytes, hex, unb64, utf8 } from "./bytes.ts";
import { commitments, type Event } from "./envelope.ts";
import { hasExactly, loadsObject } from "./json.ts";
import { Malformed } from "./malformed.ts";
import { sha256 } from "./sha256.ts";

const SALT_SIZE = 32;
const DOMAIN = utf8("evb.commit.v1\0");

/** `path` is a JSON pointer into the event. */
export interface Disclosure {
  event: string;
  path: string;
  salt: Bytes;
  content: Bytes;
}

/** Read one line; throws Malformed. */
export function parse(line: Bytes): Disclosure {
  const members = loadsObject(line);
  if (!hasExactly(members, ["event", "path", "salt", "content"])) throw new Malformed("SCHEMA", "not a disclosure");
  const [event, path] = [members.get("event"), members.get("path")];
  if (typeof event !== "string" || typeof path !== "string") {
    throw new Malformed("SCHEMA", "a disclosure names an event and a place in it");
  }
  const salt = unb64(members.get("salt"), "SCHEMA", SALT_SIZE);
  return { event, path, salt, content: unb64(members.get("content")) };
}

/** True when the event commits to exactly this content at this place. */
export function opens(disclosure: Disclosure, event: Event): boolean {
  const [, committed] = commitments(event).find(([path]) => path === disclosure.path) ?? [];
  if (!committed || event.id !== disclosure.event) return false;
  return committed.get("len") === disclosure.content.length && committed.get("c") === commit(disclosure);
}

function commit({ event, path, salt, content }: Disclosure): string {
  const [name, place] = [utf8(event), utf8(path)];
  return hex(
    sha256(DOMAIN, salt, counted(2, name.length), name, counted(2, place.length), place, counted(8, content.length), content),
  );
}

/** `value` in `size` bytes, big end first. */
function counted(size: number, value: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => Math.floor(value / 256 ** (size - 1 - at)) % 256);
}
