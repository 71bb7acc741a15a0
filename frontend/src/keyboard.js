// Single keys move and focus, they never fire an action. They rest while someone types and can be switched off (WCAG 2.1.4).
import { open } from "./dialogs.js";
import { swapZone } from "./times.js";

const OFF = "interlock.keys.off";
const SEQUENCE_MS = 1200;

const focus = (selector) => document.querySelector(selector)?.focus();

function move(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const here = rows.indexOf(document.activeElement.closest?.("[data-row]"));
  const next = here < 0 ? 0 : Math.min(Math.max(here + step, 0), rows.length - 1);
  rows[next].querySelector("a[href]")?.focus();
}

const KEYS = {
  "/": () => focus("[data-search]"),
  j: () => move(1),
  k: () => move(-1),
  a: () => focus("[data-approve]"),
  r: () => focus("[data-reject]"),
  t: () => swapZone(),
  "?": () => open("keys"),
};

const typing = (element) =>
  element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) || element.closest("dialog[open]");

function go(letter) {
  const link = document.querySelector(`a[data-go="${CSS.escape(letter)}"]`);
  if (link) location.assign(link.href);
  return Boolean(link);
}

function listen(root) {
  let since = -Infinity;
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF) || typing(event.target)) return;
    const inSequence = event.timeStamp - since < SEQUENCE_MS;
    since = event.key === "g" ? event.timeStamp : -Infinity;
    if (inSequence && go(event.key)) return event.preventDefault();
    if (!KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
}

function toggle(root) {
  const box = root.getElementById("keys-off");
  if (!box) return;
  box.checked = Boolean(localStorage.getItem(OFF));
  box.addEventListener("change", () => (box.checked ? localStorage.setItem(OFF, "1") : localStorage.removeItem(OFF)));
}

export function keyboard(root) {
  listen(root);
  toggle(root);
}
