// The verify page: files are read here, judged here and shown here. There is no address in this file to send them to, and
// the policy of the page allows no connection, no form and no picture.
import { MAX_BYTES } from "../verifier/container.ts";
import { type Profile, PROFILES } from "../verifier/dossier.ts";
import type { Report } from "../verifier/findings.ts";
import { Malformed } from "../verifier/malformed.ts";
import { question } from "../verifier/question.ts";
import { verify } from "../verifier/verifier.ts";
import { element } from "./verify-elements.ts";
import { answered, unanswered } from "./verify-report.ts";

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

async function bytes(file: File): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.slice(0, MAX_BYTES + 1).arrayBuffer());
}

async function judged(): Promise<Report> {
  const [bundle] = field<HTMLInputElement>("bundle").files!;
  const [trust] = field<HTMLInputElement>("trust").files!;
  const known = await Promise.all([...field<HTMLInputElement>("known").files!].map(bytes));
  if (!bundle) throw new Malformed("SCHEMA", "choose a bundle first", "bundle");
  const profile = field<HTMLSelectElement>("profile").value as Profile;
  const at = moment(field<HTMLInputElement>("at").value);
  return verify(await bytes(bundle), question(trust ? await bytes(trust) : null, known, at, profile));
}

async function answer(event: Event): Promise<void> {
  event.preventDefault();
  const [place, said] = [field("answer"), field("progress")];
  place.replaceChildren();
  said.textContent = "Checking, on this machine …";
  await new Promise((next) => setTimeout(next));
  try {
    place.replaceChildren(...answered(await judged()));
  } catch (error) {
    place.replaceChildren(...unanswered(error));
  }
  said.textContent = "";
  place.querySelector("h2")?.focus();
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

field("verifier").replaceChildren(
  form(), element("p", { id: "progress", role: "status" }, []), element("section", { id: "answer" }, []),
);
field("question").addEventListener("submit", answer);
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", dropped);
