// Strict JSON in the profile of evidence: RFC 8785 without floats and nulls. Members may appear once, integers stay
// within ±(2^53 - 1), strings hold no lone surrogate, at most 32 brackets are open. The platform's own parser would
// forgive duplicates and lose digits, therefore this one. Objects are Maps: no name is special, order is kept.
import { type Bytes, text, utf8 } from "./bytes.ts";
import { Malformed } from "./malformed.ts";

export type Json = boolean | number | string | Json[] | Members;
export type Members = Map<string, Json>;
type Parsed = null | boolean | number | string | Parsed[] | Map<string, Parsed>;

const MAX_DEPTH = 32;
const NUMBER = /(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPED: Record<string, string> = {
  '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t",
};
const WORDS: [string, Parsed][] = [["true", true], ["false", false], ["null", null]];
const CONSTANTS = ["NaN", "Infinity", "-Infinity"];

/** Canonical bytes; throws Malformed for a value outside the profile. */
export const dumps = (value: Json): Bytes => utf8(canonical(value));

export function canonical(value: Json): string {
  checked(value, 0);
  return spelled(value);
}

/** Parse canonical bytes; throws Malformed when they are not the canonical form of what they say. */
export function loads(data: Bytes): Json {
  return plain(text(data) ?? "") ?? closely(data);
}

/** What the platform's own parser reads and writes again as it stands has no member twice, no digit lost and no space.
 * Then only names out of order, and values outside the profile, are left to see: undefined when there may be any. */
function plain(source: string): Json | undefined {
  if (source.includes("\\ud")) return undefined;
  try {
    const value: unknown = JSON.parse(source);
    return JSON.stringify(value) === source ? profiled(value, 0) : undefined;
  } catch {
    return undefined;
  }
}

function profiled(value: unknown, level: number): Json {
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  if (typeof value !== "object" || value === null || level >= MAX_DEPTH) throw notJson();
  if (Array.isArray(value)) return value.map((item) => profiled(item, level + 1));
  const members: Members = new Map();
  let last: string | undefined;
  for (const name of Object.keys(value)) {
    if (last !== undefined && name <= last) throw notJson();
    members.set(name, profiled((value as Record<string, unknown>)[name], level + 1));
    last = name;
  }
  return members;
}

/** The same by our own parser, which says what is wrong. */
function closely(data: Bytes): Json {
  const value = loadsLenient(data);
  if (spelled(value) !== text(data)) throw new Malformed("JSON-CANON", "the bytes are not in canonical form");
  return value;
}

/** Parse within the profile, but accept white space and any member order (files that people edit). */
export function loadsLenient(data: Bytes): Json {
  if (depth(data) > MAX_DEPTH) throw new Malformed("LIMIT", `nested deeper than ${MAX_DEPTH}`);
  const source = text(data);
  if (source === null) throw notJson();
  return checked(new Reader(source).document(), 0);
}

/** Like `loads`, for a document that must be an object. */
export function loadsObject(data: Bytes): Members {
  const value = loads(data);
  if (!(value instanceof Map)) throw new Malformed("SCHEMA", "not an object");
  return value;
}

export const isWhole = (value: unknown): value is number => typeof value === "number";

/** A value in a message: text as it stands, everything else in canonical form. */
export const shown = (value: Json): string => (typeof value === "string" ? value : canonical(value));

/** Exactly these member names, no more and no fewer. */
export function hasExactly(members: Members, names: readonly string[]): boolean {
  return members.size === names.length && names.every((name) => members.has(name));
}

class Reader {
  readonly source: string;
  at = 0;

  constructor(source: string) {
    this.source = source;
  }

  document(): Parsed {
    this.space();
    const value = this.value();
    this.space();
    if (this.at < this.source.length) throw notJson();
    return value;
  }

  private value(): Parsed {
    switch (this.source[this.at]) {
      case "{":
        return this.object();
      case "[":
        return this.array();
      case '"':
        return this.string();
      default:
        return this.word();
    }
  }

  private object(): Parsed {
    const members = new Map<string, Parsed>();
    let count = 0;
    this.at++;
    this.space();
    if (this.taken("}")) return members;
    do {
      this.space();
      if (this.source[this.at] !== '"') throw notJson();
      const name = this.string();
      this.space();
      if (!this.taken(":")) throw notJson();
      this.space();
      members.set(name, this.value());
      count++;
      this.space();
    } while (this.taken(","));
    if (!this.taken("}")) throw notJson();
    if (members.size !== count) throw new Malformed("JSON-DUP", "a member appears twice");
    return members;
  }

  private array(): Parsed {
    const items: Parsed[] = [];
    this.at++;
    this.space();
    if (this.taken("]")) return items;
    do {
      this.space();
      items.push(this.value());
      this.space();
    } while (this.taken(","));
    if (!this.taken("]")) throw notJson();
    return items;
  }

  private string(): string {
    let value = "";
    for (this.at++; ; ) {
      value += this.matched(PLAIN)![0];
      const stop = this.source[this.at++];
      if (stop === '"') return value;
      if (stop !== "\\") throw notJson();
      value += this.escape();
    }
  }

  private escape(): string {
    const kind = this.source[this.at++] ?? "";
    if (kind !== "u") {
      const char = Object.hasOwn(ESCAPED, kind) ? ESCAPED[kind] : undefined;
      if (char === undefined) throw notJson();
      return char;
    }
    const digits = this.source.slice(this.at, this.at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw notJson();
    this.at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  private word(): Parsed {
    const found = WORDS.find(([word]) => this.source.startsWith(word, this.at));
    if (found) {
      this.at += found[0].length;
      return found[1];
    }
    const constant = CONSTANTS.find((word) => this.source.startsWith(word, this.at));
    if (constant) throw noFloat(constant);
    return this.number();
  }

  private number(): number {
    const match = this.matched(NUMBER);
    if (!match) throw notJson();
    const [token, digits, fraction, exponent] = match;
    if (fraction !== undefined || exponent !== undefined) throw noFloat(token);
    if (digits!.length > 17 || digits === "-0") {
      throw new Malformed("JSON-FORMAT", "an integer is beyond 2^53 - 1 or negative zero");
    }
    return Number(digits);
  }

  private space(): void {
    this.matched(SPACE);
  }

  private taken(char: string): boolean {
    if (this.source[this.at] !== char) return false;
    this.at++;
    return true;
  }

  private matched(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.source);
    if (match) this.at = pattern.lastIndex;
    return match;
  }
}

const notJson = () => new Malformed("JSON-FORMAT", "not JSON");
const noFloat = (token: string) => new Malformed("JSON-FLOAT", `${token.slice(0, 20)} is not an integer`);

/** The most brackets that are open at once, outside strings. */
function depth(data: Bytes): number {
  let [deepest, open, quoted] = [0, 0, false];
  for (let at = 0; at < data.length; at++) {
    const byte = data[at];
    if (quoted) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) quoted = false;
    } else if (byte === 0x22) quoted = true;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++open);
    else if (byte === 0x5d || byte === 0x7d) open--;
  }
  return deepest;
}

/** The value, within the profile, names in the order of their UTF-16 code units. */
function checked(value: Parsed, level: number): Json {
  if (value === null) throw new Malformed("JSON-FORMAT", "null has no place in this profile");
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return wellFormed(value);
  if (typeof value === "number") return inRange(value);
  if (level >= MAX_DEPTH) throw new Malformed("LIMIT", `nested deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value)) return value.map((item) => checked(item, level + 1));
  const names = [...value.keys()].map(wellFormed).sort();
  return new Map(names.map((name) => [name, checked(value.get(name)!, level + 1)]));
}

function wellFormed(value: string): string {
  if (!value.isWellFormed()) throw new Malformed("JSON-FORMAT", "a string holds a lone surrogate");
  return value;
}

function inRange(value: number): number {
  if (!Number.isSafeInteger(value)) throw new Malformed("JSON-FORMAT", "an integer is beyond 2^53 - 1");
  return value;
}

function spelled(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(spelled).join(",")}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  const names = [...value.keys()].sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${spelled(value.get(name)!)}`).join(",")}}`;
}
