// Elements from names, properties and children. Text stays text: nothing here parses HTML.
type Properties = Record<string, string | number | boolean>;

export function element(name: string, properties: Properties, children: (Node | string)[] = []): HTMLElement {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

/** What is invisible or turns the reading direction is shown by its number (Unicode TR 36). */
export function inert(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    if (char === "\n" || char === "\t") return char;
    return `⟨U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}
