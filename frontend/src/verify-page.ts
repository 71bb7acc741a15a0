// What the reader of the verify page sees and does; the judging is the worker's.
import { type Profile, PROFILES } from "../verifier/dossier.ts";
import { Malformed } from "../verifier/malformed.ts";
import { element } from "./verify-elements.ts";
import { Cancelled, Judge, Refused } from "./verify-judge.ts";
import { answered, stopped, unanswered } from "./verify-report.ts";
import { type Asked, refusal } from "./verify-worker.ts";

const field = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

function picker(id: string, label: string, hint: string, accept: string, multiple = false): HTMLElement {
  return element("p", { className: "field" }, [
    element("label", { htmlFor: id }, [`${label} `, element("span", { className: "hint" }, [hint])]),
    element("input", { id, type: "file", accept, multiple }),
  ]);
}

function form(): HTMLElement {
  const profiles = PROFILES.map((name) => element("option", { value: name }, [name]));
  return element("form", { id: "question" }, [
    picker("bundle", "Bundle", "a file that ends in .evb", ".evb"),
    picker("trust", "Trust file", "trust.json, which you received on another way", ".json,application/json"),
    picker("known", "Remembered heads", "notes that you kept from before, if any", ".note,.txt", true),
    element("details", {}, [
      element("summary", {}, ["Stricter, or as of another time"]),
      element("p", { className: "field" }, [
        element("label", { htmlFor: "profile" }, [
          "Profile ", element("span", { className: "hint" }, ["how many checks may be skipped"]),
        ]),
        element("select", { id: "profile" }, profiles),
      ]),
      element("p", { className: "field" }, [
        element("label", { htmlFor: "at" }, [
          "Judge as of ", element("span", { className: "hint" }, ["UTC, or ms since 1970; empty is now"]),
        ]),
        element("input", { id: "at", autocomplete: "off", maxLength: 40 }),
      ]),
    ]),
    element("p", {}, [element("button", { className: "primary" }, ["Verify"])]),
  ]);
}

function moment(text: string): number {
  if (!text.trim()) return Date.now();
  const at = /^[0-9]{1,15}$/.test(text.trim()) ? Number(text) : Date.parse(text.replace(/Z?$/, "Z"));
  if (Number.isNaN(at)) throw new Malformed("SCHEMA", "this is not a time", "time");
  return at;
}

function asked(): Asked {
  const [bundle] = field<HTMLInputElement>("bundle").files!;
  const [trust] = field<HTMLInputElement>("trust").files!;
  if (!bundle) throw new Malformed("SCHEMA", "choose a bundle first", "bundle");
  return {
    bundle,
    trust: trust ?? null,
    known: [...field<HTMLInputElement>("known").files!],
    atMs: moment(field<HTMLInputElement>("at").value),
    profile: field<HTMLSelectElement>("profile").value as Profile,
  };
}

async function answer(judge: Judge): Promise<void> {
  judge.cancel();
  const [place, said] = [field("answer"), field("progress")];
  const bar = element("progress", { max: 1, value: 0, ariaLabel: "How much is checked" }) as HTMLProgressElement;
  place.replaceChildren(element("p", {}, [bar, " ", cancelling(judge)]));
  said.textContent = "Checking, on this machine …";
  try {
    place.replaceChildren(...answered(await judge.ask(asked(), (share) => (bar.value = share))));
  } catch (error) {
    if (!bar.isConnected) return; // a newer question has taken the place
    place.replaceChildren(...(error instanceof Cancelled ? stopped() : unanswered(whyNot(error))));
  }
  said.textContent = "";
  place.querySelector("h2")?.focus();
}

const whyNot = (error: unknown) => (error instanceof Refused ? error.refusal : refusal(error));

function cancelling(judge: Judge): HTMLElement {
  const button = element("button", { type: "button" }, ["Cancel"]);
  button.addEventListener("click", () => judge.cancel());
  return button;
}

/** Files may be dropped anywhere; their names say what they are. */
function dropped(event: DragEvent): void {
  event.preventDefault();
  const files = [...(event.dataTransfer?.files ?? [])];
  put("bundle", files.filter((file) => file.name.endsWith(".evb")).slice(0, 1));
  put("trust", files.filter((file) => file.name.endsWith(".json")).slice(0, 1));
  put("known", files.filter((file) => /\.(note|txt)$/.test(file.name)));
  if (field<HTMLInputElement>("bundle").files?.length) field<HTMLFormElement>("question").requestSubmit();
}

function put(id: string, files: File[]): void {
  if (!files.length) return;
  const carrier = new DataTransfer();
  for (const file of files) carrier.items.add(file);
  field<HTMLInputElement>(id).files = carrier.files;
}

/** Builds the page; `script` is the file that the worker runs too. */
export function open(script: HTMLScriptElement): void {
  const judge = new Judge(script);
  field("verifier").replaceChildren(
    form(), element("p", { id: "progress", role: "status" }, []), element("section", { id: "answer" }, []),
  );
  field("question").addEventListener("submit", (event) => {
    event.preventDefault();
    void answer(judge);
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", dropped);
}
