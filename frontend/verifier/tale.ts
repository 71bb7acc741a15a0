// What governance rules are asked about: the events of one run, as far as a bundle shows them.
import type { Placed } from "./chains.ts";
import type { Event } from "./envelope.ts";
import { isWhole, shown } from "./json.ts";

/** A rule that the event on `line` (from 1) breaks. */
export interface Broken {
  code: string;
  line: number;
  message: string;
}

export type Rule = (tale: Tale) => Broken[];

/** Events of one run with their lines. What lies before `fromStart` or behind `toEnd` is not known. */
export class Tale {
  readonly fromStart: boolean;
  readonly toEnd: boolean;
  private readonly byType: Map<string, Placed[]>;

  constructor(events: Placed[], fromStart: boolean, toEnd: boolean) {
    [this.fromStart, this.toEnd] = [fromStart, toEnd];
    this.byType = Map.groupBy(events, ([, event]) => event.type);
  }

  /** The events of these types, in their order. */
  of(...types: string[]): Placed[] {
    return types.flatMap((type) => this.byType.get(type) ?? []).sort(([one], [other]) => one - other);
  }
}

export const text = (event: Event, member: string): string => shown(event.data.get(member) ?? "");

export function texts(event: Event, member: string): Set<string> {
  const value = event.data.get(member);
  return new Set(Array.isArray(value) ? value.map(shown) : []);
}

/** The number that the member is, else 0. */
export function number(event: Event, member: string): number {
  const value = event.data.get(member);
  return isWhole(value) ? value : 0;
}

/** Several texts as one key. */
export const keyed = (...parts: (string | number)[]): string => JSON.stringify(parts);

export const attempt = (event: Event): string => keyed(text(event, "call_id"), text(event, "attempt"));
