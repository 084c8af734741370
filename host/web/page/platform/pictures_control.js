// The pictures of a training: dropped (folders too), pasted or chosen, many at a time; or one zip
// archive of them, or a link to it.
import { announce, button, el, icon, uniqueId } from "../dom.js";
import { acceptDrops } from "../drops.js";
import { sizeText } from "../files.js";

const most_shown = 60;

const isZip = (file) => /zip/.test(file.type) || /\.zip$/i.test(file.name);
const isPicture = (file) => file.type.startsWith("image/") ||
  /\.(heic|heif|avif|tiff?|bmp)$/i.test(file.name);
const isHidden = (file) => /^\._|^\.DS_Store$|^Thumbs\.db$/i.test(file.name);

// As the controls of the form are; its value is {files: [File…]}, {zip: File} or {link: text}.
export class PicturesControl {
  constructor(field, id, labelId) {
    Object.assign(this, { field, id, labelId, files: [], zip: null, link: null });
    this.urls = new Map();
    this.choose = el("input", { type: "file", class: "unseen", tabindex: "-1", multiple: true,
                                "aria-hidden": "true", accept: "image/*,.zip,application/zip" });
    this.choose.addEventListener("change", () => {
      this.take([...this.choose.files]);
      this.choose.value = "";
    });
    this.body = el("div", { class: "pictures-body" });
    this.element = el("div", { class: "file pictures", role: "group",
                               "aria-labelledby": labelId }, this.body, this.choose);
    acceptDrops(this.element, async (dropped) => this.take(await droppedFiles(dropped)));
    this.show();
  }

  get labelable() {
    return null;
  }

  read() {
    if (this.link?.trim()) return { link: this.link.trim() };
    if (this.zip) return { zip: this.zip };
    if (this.files.length > 0) return { files: this.files };
    if (this.field.required) throw new Error("Pictures are needed");
    return undefined;
  }

  write(value) {
    this.set(value?.files ?? [], value?.zip ?? null,
             typeof value === "string" ? value : value?.link ?? null);
  }

  focus() {
    this.element.querySelector("button, input:not([type=file])").focus();
  }

  set(files, zip = null, link = null) {
    for (const [file, url] of this.urls) {
      if (!files.includes(file)) URL.revokeObjectURL(url);
    }
    this.urls = new Map([...this.urls].filter(([file]) => files.includes(file)));
    Object.assign(this, { files, zip, link });
    this.show();
    this.element.dispatchEvent(new Event("input", { bubbles: true }));
  }

  take(given) {
    const files = given.filter((file) => !isHidden(file));
    const zips = files.filter(isZip);
    const pictures = files.filter((file) => !isZip(file) && isPicture(file));
    const others = files.filter((file) => !isZip(file) && !isPicture(file));
    const focused = this.element.contains(document.activeElement);
    if (zips.length > 0 && (zips.length > 1 || pictures.length > 0)) {
      return this.complain("One zip archive, or pictures: not both");
    }
    if (zips.length === 1) this.set([], zips[0]);
    else if (pictures.length > 0) this.set([...this.files, ...this.unlike(pictures)]);
    if (focused) this.focus();
    if (others.length > 0) {
      const more = others.length > 1 ? ` and ${others.length - 1} more` : "";
      this.complain(`${others[0].name}${more}: no picture, left out`);
    } else if (files.length > 0) {
      this.complain("");
      announce(`${this.field.title}: ${this.summary()}`);
    }
  }

  // The same file dropped twice is one picture.
  unlike(pictures) {
    const keyOf = (file) => `${file.name} ${file.size} ${file.lastModified}`;
    const known = new Set(this.files.map(keyOf));
    return pictures.filter((file) => !known.has(keyOf(file)));
  }

  complain(text) {
    this.element.dispatchEvent(new CustomEvent("problem", { bubbles: true, detail: text }));
  }

  summary() {
    if (this.zip) return `${this.zip.name}, ${sizeText(this.zip.size)}`;
    const bytes = this.files.reduce((total, { size }) => total + size, 0);
    const count = this.files.length;
    return `${count} ${count === 1 ? "picture" : "pictures"}, ${sizeText(bytes)}`;
  }

  show() {
    this.body.replaceChildren(...(this.link !== null ? this.linked() : this.zip ? this.packed()
      : this.files.length > 0 ? this.filled() : this.empty()));
  }

  chooser(text, note, kind) {
    const id = uniqueId("choose");
    return el("button", { type: "button", class: kind, id,
                          "aria-labelledby": `${this.labelId} ${id}`,
                          on: { click: () => this.choose.click() } },
              icon("image"), el("span", {}, text), note && el("span", { class: "muted" }, note));
  }

  empty() {
    const link = button("Give a link instead", { symbol: "link", kind: "quiet small", on: {
      click: () => {
        this.link = "";
        this.show();
        this.focus();
      } } });
    return [this.chooser("Drop pictures here, or choose them",
                         "5 to 20 of one subject work well; a folder or a zip is fine, too",
                         "drop drop-large"),
            el("div", { class: "file-tools" }, link)];
  }

  filled() {
    const shown = this.files.slice(0, most_shown);
    const rest = this.files.length - shown.length;
    return [
      el("ul", { class: "thumbs" }, shown.map((file) => this.thumb(file)),
         rest > 0 && el("li", { class: "thumb-more" }, `and ${rest} more`),
         el("li", {}, this.chooser("Add", null, "drop thumb-add"))),
      el("div", { class: "file-tools" }, el("span", { class: "muted" }, this.summary()),
         button("Remove all", { kind: "quiet small", on: { click: () => this.removeAll() } }))];
  }

  thumb(file) {
    if (!this.urls.has(file)) this.urls.set(file, URL.createObjectURL(file));
    const picture = el("img", { src: this.urls.get(file), alt: file.name, decoding: "async" });
    picture.addEventListener("error", () => picture.replaceWith(
      el("span", { class: "thumb-name" }, file.name)));
    const remove = button(`Remove ${file.name}`, { symbol: "close", only: true, on: {
      click: () => {
        const at = this.files.indexOf(file);
        this.set(this.files.filter((other) => other !== file));
        const buttons = this.element.querySelectorAll(".picture-thumb button");
        (buttons[Math.min(at, buttons.length - 1)] ?? this).focus();
        announce(`${file.name} removed; ${this.summary()}`);
      } } });
    return el("li", { class: "picture-thumb" }, picture, remove);
  }

  removeAll() {
    this.set([]);
    this.focus();
    announce(`${this.field.title}: removed`);
  }

  packed() {
    return [el("div", { class: "packed" }, icon("download"),
               el("span", { class: "file-name" }, this.zip.name),
               el("span", { class: "muted" }, sizeText(this.zip.size)),
               button(`Remove ${this.zip.name}`, { symbol: "close", only: true, on: {
                 click: () => this.removeAll() } }))];
  }

  linked() {
    const input = el("input", { type: "url", placeholder: "https://…/pictures.zip",
                                spellcheck: "false",
                                "aria-label": `Link to a zip: ${this.field.title}` });
    input.value = this.link;
    input.addEventListener("input", () => { this.link = input.value; });
    const back = button(`No link: ${this.field.title}`, { symbol: "close", only: true, on: {
      click: () => this.removeAll() } });
    return [el("div", { class: "joined" }, input, back)];
  }
}

// What was dropped, with what lies in dropped folders.
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(filesOf))).flat();
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {  // it gives a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return files;
    files.push(...(await Promise.all(some.map(filesOf))).flat());
  }
}
