// An X.509 certificate that the auditor has pinned: what a time stamp is held against, and nothing more.
import { type Bytes, equal, hex, unhex } from "./bytes.ts";
import * as der from "./der.ts";
import { Malformed } from "./malformed.ts";

const EXTENDED_KEY_USAGE = unhex("551d25", 3);
const STAMPS = unhex("300a06082b06010505070308", 12);
const RSA = "2a864886f70d010101";
const CURVES = new Map([
  ["2a8648ce3d030107", "P-256"],
  ["2b81040022", "P-384"],
  ["2b81040023", "P-521"],
]);
const UTC_TIME = 0x17;

export interface Certificate {
  issuer: Bytes;
  serial: string;
  notBefore: number;
  notAfter: number;
  /** It may stamp times, and do nothing else. */
  stamps: boolean;
  key: Bytes;
  /** `RSA`, the name of a curve, or null for a key of another kind. */
  kind: string | null;
}

/** Read a certificate in DER; throws Malformed. */
export function parse(data: Bytes): Certificate {
  try {
    return parsed(data);
  } catch {
    throw new Malformed("SCHEMA", "not a certificate", "trust");
  }
}

/** A serial number without leading zeros. */
export const serialOf = (number: der.Element): string => hex(number.content).replace(/^(00)+/, "");

function parsed(data: Bytes): Certificate {
  const fields = der.parts(der.sequence(der.read(data), 3)[0]!).filter(({ tag }) => tag !== 0xa0);
  const [serial, , issuer, validity, , key] = fields as [
    der.Element, der.Element, der.Element, der.Element, der.Element, der.Element,
  ];
  const [notBefore, notAfter] = der.sequence(validity, 2).map(timeOf) as [number, number];
  const algorithm = der.sequence(der.sequence(key, 2)[0]!, 1).map((part) => hex(part.content));
  const kind = algorithm[0] === RSA ? "RSA" : CURVES.get(algorithm[1] ?? "") ?? null;
  const extensions = fields.find(({ tag }) => tag === 0xa3);
  return {
    issuer: issuer.raw, serial: serialOf(serial), notBefore, notAfter, stamps: stamps(extensions), key: key.raw, kind,
  };
}

function stamps(extensions: der.Element | undefined): boolean {
  if (!extensions) return false;
  for (const extension of der.parts(der.parts(extensions)[0]!)) {
    const [name, critical, value] = der.parts(extension);
    if (equal(name!.content, EXTENDED_KEY_USAGE)) {
      return value !== undefined && critical!.content[0] === 0xff && equal(value.content, STAMPS);
    }
  }
  return false;
}

function timeOf({ tag, content }: der.Element): number {
  const text = String.fromCharCode(...content);
  const full = tag === UTC_TIME ? `${text < "50" ? "20" : "19"}${text}` : text;
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full)!;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
