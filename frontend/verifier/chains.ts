// The chain of a run: it counts up, each event names its predecessor, seals fit what they seal.
import { hex } from "./bytes.ts";
import type { Dossier } from "./dossier.ts";
import type { Event } from "./envelope.ts";
import { isWhole, shown } from "./json.ts";
import * as layout from "./layout.ts";
import * as merkle from "./merkle.ts";

export const RUN_SEALED = "run.sealed";

/** An event and its line, counted from 1. */
export type Placed = [line: number, event: Event];

/** `events` are those of one run. Unless `fromStart`, earlier ones may lie before what is shown. */
export function checkChain(dossier: Dossier, events: Placed[], fromStart: boolean): void {
  const begin = events[0]?.[1].seq ?? 1;
  let expected = fromStart ? 1 : Math.max(1, begin);
  let previous: Event | undefined;
  for (const [line, event] of events) {
    checkLink(dossier, event, previous, expected, `${layout.EVENTS}:${line}`);
    [previous, expected] = [event, event.seq + 1];
  }
  if (fromStart || (events.length && begin === 1)) checkSeals(dossier, events);
}

export const placed = (events: Event[]): Placed[] => events.map((event, at) => [at + 1, event]);

/** The events of each run, in the order of the log; events of no run are left out. */
export function runsOf(events: Event[]): Placed[][] {
  const runs = new Map<string, Placed[]>();
  for (const one of placed(events)) {
    const { run } = one[1];
    if (!run) continue;
    const known = runs.get(run);
    if (known) known.push(one);
    else runs.set(run, [one]);
  }
  return [...runs.values()];
}

function checkLink(dossier: Dossier, event: Event, previous: Event | undefined, expected: number, where: string): void {
  if (event.seq < expected) {
    dossier.fail("ORDER", where, `event ${event.seq} of the run stands where ${expected} should`);
  } else if (event.seq > expected) {
    dossier.fail("RUN-GAP", where, `events ${expected} to ${event.seq - 1} of the run are not here`);
  } else if (previous && event.prev !== hex(previous.hash)) {
    dossier.fail("RUN-CHAIN", where, `event ${event.seq} names another predecessor`);
  }
}

function checkSeals(dossier: Dossier, events: Placed[]): void {
  for (const [at, [line, event]] of events.entries()) {
    if (event.type === RUN_SEALED) checkSeal(dossier, event, events.slice(0, at), `${layout.EVENTS}:${line}`);
  }
}

function checkSeal(dossier: Dossier, event: Event, earlier: Placed[], where: string): void {
  const count = event.data.get("count") ?? 0;
  const hashes = earlier.map(([, one]) => merkle.leafHash(one.hash));
  if (!isWhole(count) || count !== earlier.length) {
    dossier.fail("RUN-COUNT", where, `the seal counts ${shown(count)} events, ${earlier.length} are here`);
  } else if (event.data.get("root") !== hex(merkle.rootOf(hashes))) {
    dossier.fail("RUN-ROOT", where, "the seal is over other events");
  }
}
