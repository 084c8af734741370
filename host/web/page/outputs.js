// What a prediction gave, as things to show: pictures, texts, other files, links, values.
import { fromDataUrl, pngTexts } from "./files.js";

// One item of the output → {kind: picture|file|link|text|value, and what it is of: blob, text, url,
// value; seed of a picture}.
export async function readItem(item) {
  if (typeof item === "string" && item.startsWith("data:")) {
    return itemOf(fromDataUrl(item));
  }
  if (typeof item === "string" && /^https?:\/\//.test(item)) return { kind: "link", url: item };
  if (typeof item === "string") return { kind: "text", text: item };
  return { kind: "value", value: item };
}

export async function itemOf(blob) {
  const shown = /^image\/(png|jpeg|webp|gif|avif|bmp|svg\+xml)$/.test(blob.type);
  return { kind: shown ? "picture" : "file", blob, seed: shown ? await seedOf(blob) : null };
}

// The templates of this project write their settings into each PNG.
async function seedOf(blob) {
  if (blob.type !== "image/png") return null;
  try {
    const texts = await pngTexts(blob);
    if (texts.dream) return JSON.parse(texts.dream).seed ?? null;
    const found = /(?:^|[,\n])\s*Seed: (\d+)/.exec(texts.parameters ?? "");
    return found ? Number(found[1]) : null;
  } catch {
    return null;
  }
}

// The seed as logs or the request tell it, for files that carry none.
export function seedFrom(logs, input, index) {
  const said = /\bseed\b\s*(?:is|[:=])?\s*(\d+)/i.exec(logs ?? "");
  const base = said ? Number(said[1]) : input.seed;
  return Number.isInteger(base) ? base + index : null;
}

// All of an output. `joined`: a list of texts that reads as one; `read`: what to read an item with.
export async function readOutput(output, { joined = false, logs = "", input = {},
                                           read = readItem } = {}) {
  if (output === null || output === undefined) return [];
  const list = Array.isArray(output) ? output : [output];
  if (list.length > 0 && list.every((item) => typeof item === "string" && !isFile(item))) {
    return [{ kind: "text", text: list.join(joined ? "" : "\n") }];
  }
  const items = await Promise.all(list.map((item) => read(item)));
  let index = 0;
  for (const item of items) {
    if (item.kind === "picture") item.seed ??= seedFrom(logs, input, index++);
  }
  return items;
}

const isFile = (text) => text.startsWith("data:") || /^https?:\/\//.test(text);
