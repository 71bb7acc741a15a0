// Every time on every page is <time datetime=…Z> in UTC. Hover or focus shows the reader's own time; `t` swaps the two.
const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

const local = (time) => LOCAL.format(new Date(time.dateTime));

function explain(event) {
  const time = event.target.closest?.("time[datetime]");
  if (time && !time.title) time.title = local(time);
}

export function swapZone(root = document) {
  const toLocal = !root.documentElement.hasAttribute("data-local");
  root.documentElement.toggleAttribute("data-local", toLocal);
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.dataset.utc ??= time.textContent;
    time.textContent = toLocal ? local(time) : time.dataset.utc;
  }
}

export function times(root) {
  root.addEventListener("pointerover", explain);
  root.addEventListener("focusin", explain);
}
