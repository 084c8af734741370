// Building elements, drawing icons, speaking to screen readers. No markup is ever parsed from text.

// el("p", {class: "a", on: {click}}, "text", child): null, undefined and false are left out.
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [type, handler] of Object.entries(value)) element.addEventListener(type, handler);
    } else if (name === "data") {
      Object.assign(element.dataset, value);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

// 24 by 24, strokes in the colour of the text.
const paths = {
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19" +
    "M19 5l-1.4 1.4M6.4 17.6L5 19",
  moon: "M20 14.500A8.500 8.500 0 019.500 4 8.500 8.500 0 1020 14.500z",
  auto: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 3v18M15 5.500v13M18 8v8",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.500l4.500 4.500L19 7.500",
  back: "M14 6l-6 6 6 6",
  plus: "M12 5v14M5 12h14",
  upload: "M12 16V5M7 10l5-5 5 5M4 19h16",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.500 3.500 0 100 7 3.500 3.500 0 000-7z",
  link: "M10 14l4-4M9 7l2-2a4 4 0 016 6l-2 2M15 17l-2 2a4 4 0 01-6-6l2-2",
  brush: "M14 4l6 6-8 8H8v-4zM4 20c2 0 4-1 4-3",
  download: "M12 4v11M7 11l5 5 5-5M4 20h16",
  copy: "M8 8h11v12H8zM5 16V4h11",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  redo: "M20 8h-9a6 6 0 000 12h4M16 4l4 4-4 4",
  undo: "M4 8h9a6 6 0 010 12H9M8 4L4 8l4 4",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 8.500h.01",
  sliders: "M5 6h9M18 6h1M5 12h2M11 12h8M5 18h7M16 18h3M14 4v4M7 10v4M12 16v4",
  eye: "M2 12c3-5 6-7 10-7s7 2 10 7c-3 5-6 7-10 7s-7-2-10-7zM12 9a3 3 0 100 6 3 3 0 000-6z",
};

export function icon(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

// A button with an icon and a text, or with the text as its name alone.
export function button(text, { symbol, only = false, kind = "quiet", ...attributes } = {}) {
  return el("button", { type: "button", class: only ? "icon-button" : kind,
                        "aria-label": only ? text : undefined, title: only ? text : undefined,
                        ...attributes },
            symbol && icon(symbol), only ? null : text);
}

// Read aloud when the screen reader has finished what it says.
export function announce(text) {
  byId("live").textContent = text;
}

let last = 0;
export const uniqueId = (stem) => `${stem}-${++last}`;

// Text that went to the clipboard, or false where the browser forbids it.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
