// All that was made before, as thumbnails; the newest first.
import { byId, el, icon } from "./dom.js";
import { confirmed } from "./dialog.js";
import { forget, urlOf } from "./blob_urls.js";
import { titleOf } from "./viewer.js";

function faceOf(item) {
  if (item.kind === "picture") {
    return el("img", { src: urlOf(item.blob), alt: "", loading: "lazy" });
  }
  if (item.kind === "link" || item.kind === "file") {
    return icon(item.kind === "link" ? "link" : "download");
  }
  const text = item.kind === "text" ? item.text : JSON.stringify(item.value);
  return el("span", { class: "tile-text" }, text.slice(0, 160));
}

export class Gallery {
  constructor(history, open) {
    this.history = history;
    this.open = open;
    this.list = byId("gallery");
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    byId("gallery-clear").addEventListener("click", () => this.clear());
  }

  show(current = null) {
    const { records } = this.history;
    this.list.replaceChildren(...records.flatMap((record) => this.tiles(record, current)));
    byId("gallery-clear").hidden = records.length === 0;
    byId("gallery-note").textContent = records.length === 0 ? "Empty so far"
      : this.history.lasting ? "Kept in this browser" : "Kept until the page is closed";
  }

  tiles(record, current) {
    const items = record.items.length > 0 ? record.items : [{ kind: "text", text: "nothing" }];
    const pictures = items.filter((item) => item.kind === "picture");
    const shown = pictures.length > 0 ? pictures : items.slice(0, 1);
    return shown.map((item) => {
      const seed = Number.isInteger(item.seed) ? `seed ${item.seed}` : "";
      const tile = el("button", { type: "button", class: "tile",
                                  "aria-current": record.id === current ? "true" : null },
                      el("span", { class: "tile-face" }, faceOf(item)),
                      el("span", { class: "tile-title" }, titleOf(record)),
                      el("span", { class: "tile-seed" }, seed));
      tile.addEventListener("click", () => this.open(record, items.indexOf(item)));
      return el("li", { data: { id: record.id } }, tile);
    });
  }

  // Arrow keys go through the tiles as they lie on the page.
  onKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const tiles = [...this.list.querySelectorAll(".tile")];
    const at = tiles.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    tiles[Math.min(tiles.length - 1, Math.max(0, at + step))].focus();
  }

  forget(record) {
    for (const item of record.items) if (item.blob) forget(item.blob);
  }

  async clear() {
    const count = this.history.records.length;
    if (!await confirmed("Delete all", `Delete all ${count} results? They cannot be brought back.`,
                         "Delete all")) return;
    this.history.records.forEach((record) => this.forget(record));
    await this.history.clear();
    this.show();
    this.open(null);
  }
}
