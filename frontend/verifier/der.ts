// DER (X.690), as much of it as a time stamp and a certificate need: definite lengths in their shortest form.
import type { Bytes } from "./bytes.ts";
import { Malformed } from "./malformed.ts";

export const [INTEGER, OCTETS, OID, SEQUENCE, SET, GENERALIZED_TIME] = [0x02, 0x04, 0x06, 0x30, 0x31, 0x18];

/** One value. `raw` is the whole of it, tag and length included. */
export interface Element {
  tag: number;
  content: Bytes;
  raw: Bytes;
}

/** The one value that these bytes are; throws Malformed. */
export function read(data: Bytes): Element {
  const element = first(data);
  if (element.raw.length !== data.length) throw malformed();
  return element;
}

/** The values inside a constructed one. */
export function parts(element: Element): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < element.content.length; at += found.at(-1)!.raw.length) {
    found.push(first(element.content.subarray(at)));
  }
  return found;
}

export function expect(element: Element, tag: number): Element {
  if (element.tag !== tag) throw malformed();
  return element;
}

/** The parts of a SEQUENCE that has at least so many. */
export function sequence(element: Element, atLeast: number): Element[] {
  const found = parts(expect(element, SEQUENCE!));
  if (found.length < atLeast) throw malformed();
  return found;
}

function first(data: Bytes): Element {
  if (data.length < 2 || (data[0]! & 0x1f) === 0x1f) throw malformed();
  let [size, start] = [data[1]!, 2];
  if (size >= 0x80) {
    start += size & 0x7f;
    if (start < 3 || start > 6) throw malformed();
    size = data.subarray(2, start).reduce((sum, byte) => sum * 256 + byte, 0);
    if (size < 0x80 || size < 256 ** (start - 3)) throw malformed();
  }
  const end = start + size;
  if (end > data.length) throw malformed();
  return { tag: data[0]!, content: data.slice(start, end), raw: data.slice(0, end) };
}

const malformed = () => new Malformed("SCHEMA", "not a time stamp in DER");
