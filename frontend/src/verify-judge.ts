// The page's line to its worker: one question at a time.
import type { Asked, Refusal, Said } from "./verify-worker.ts";

/** Whoever asked wants no answer any more. */
export class Cancelled extends Error {}

/** The worker, or what it judges with, gave no report. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

type Policy = { createScriptURL(url: string): unknown };
type Factory = { createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy };

export class Judge {
  private readonly address: string;
  private worker: Worker | undefined;
  private giveUp: ((reason: Error) => void) | undefined;

  /** `script` is the file that is page and worker at once: fetched from its address, or standing in the page. */
  constructor(script: HTMLScriptElement) {
    const address = script.src || URL.createObjectURL(new Blob([script.text], { type: "text/javascript" }));
    const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
    const policy = factory?.createPolicy("verifier", { createScriptURL: (url) => url });
    this.address = (policy ? policy.createScriptURL(address) : address) as string;
  }

  /** The report as canonical JSON; throws Refused or Cancelled. A question before it is given up. */
  ask(asked: Asked, onward: (share: number) => void): Promise<Uint8Array> {
    this.cancel();
    this.worker ??= new Worker(this.address);
    const worker = this.worker;
    return new Promise((resolve, reject) => {
      this.giveUp = reject;
      worker.onmessage = ({ data }: MessageEvent<Said>) => {
        if ("share" in data) return onward(data.share);
        this.giveUp = undefined;
        if ("report" in data) resolve(data.report);
        else reject(new Refused(data.refusal));
      };
      worker.onerror = () => this.end(new Refused({ where: "", message: "the worker ended", tooOld: false }));
      worker.postMessage(asked);
    });
  }

  cancel(): void {
    if (this.giveUp) this.end(new Cancelled());
  }

  private end(reason: Error): void {
    this.worker?.terminate();
    this.worker = undefined;
    this.giveUp?.(reason);
    this.giveUp = undefined;
  }
}
