// A file: dropped, pasted, chosen, taken with the camera, given as a link, or (for masks) painted.
import { announce, button, el, icon, uniqueId } from "./dom.js";
import { acceptDrops } from "./drops.js";
import { sizeText } from "./files.js";
import { takesPictures } from "./schema.js";
import { takePicture } from "./camera.js";
import { paintMask } from "./mask_editor.js";

// `picture`: for a mask, () → the file control of the picture it lies over.
export class FileControl {
  constructor(field, id, labelId, picture = null) {
    this.field = field;
    this.picture = picture;
    this.pictures = takesPictures(field);
    this.what = this.pictures ? "picture" : "file";
    this.blob = null;
    this.link = "";
    this.strokes = null;  // of a painted mask, to go on with
    const accept = field.accept ?? (this.pictures ? "image/*" : null);
    this.choose = el("input", { type: "file", class: "unseen", tabindex: "-1",
                                "aria-hidden": "true", accept });
    this.choose.addEventListener("change", () => {
      if (this.choose.files[0]) this.take(this.choose.files[0]);
      this.choose.value = "";
    });
    this.body = el("div", { class: "file-body" });
    this.element = el("div", { class: "file", role: "group", "aria-labelledby": labelId },
                      this.body, this.choose);
    this.id = id;
    this.labelId = labelId;
    acceptDrops(this.element, ({ files }) => {
      if (files[0]) this.take(files[0]);
    });
    this.show();
  }

  get labelable() {
    return null;
  }

  read() {
    if (this.link !== "") return this.link.trim();
    if (this.blob) return this.blob;
    if (this.field.required) throw new Error(`A ${this.what} is needed`);
    return undefined;
  }

  write(value) {
    this.setValue(value instanceof Blob ? value : null, typeof value === "string" ? value : "");
  }

  focus() {
    this.element.querySelector("button, input:not([type=file])").focus();
  }

  setValue(blob, link = "", strokes = null) {
    this.blob = blob;
    this.link = link;
    this.strokes = strokes;
    this.linking = false;
    this.show();
    this.element.dispatchEvent(new Event("input", { bubbles: true }));
  }

  take(file) {
    if (this.pictures && !this.field.accept && !file.type.startsWith("image/")) {
      return this.complain(`${file.name} is not a picture`);
    }
    this.complain("");
    const focused = this.element.contains(document.activeElement);
    this.setValue(file);
    if (focused) this.focus();
    announce(`${this.field.title}: ${file.name ?? "a picture"}, ${sizeText(file.size)}`);
  }

  complain(text) {
    this.element.dispatchEvent(new CustomEvent("problem", { bubbles: true, detail: text }));
  }

  show() {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
    const parts = this.blob ? this.filled() : this.link !== "" || this.linking ? this.linked()
      : this.empty();
    this.body.replaceChildren(...parts);
    this.element.classList.toggle("has-file", this.blob !== null);
  }

  empty() {
    const id = uniqueId("choose");
    const drop = el("button", { type: "button", class: "drop", id,
                                "aria-labelledby": `${this.labelId} ${id}` },
                    icon(this.pictures ? "image" : "upload"),
                    el("span", {}, `Choose a ${this.what}`),
                    el("span", { class: "muted" }, "or drop, or paste"));
    drop.addEventListener("click", () => this.choose.click());
    return [drop, el("div", { class: "file-tools" }, this.tools())];
  }

  tools() {
    const title = this.field.title;
    return [
      this.picture && this.paintButton("Paint"),
      this.pictures && !this.picture && navigator.mediaDevices &&
        button(`Take a picture: ${title}`, { symbol: "camera", only: true, on: {
          click: async () => {
            const shot = await takePicture();
            if (shot) this.take(shot);
            this.focus();
          } } }),
      button(`Give a link: ${title}`, { symbol: "link", only: true, on: {
        click: () => {
          this.linking = true;
          this.show();
          this.focus();
        } } }),
    ];
  }

  paintButton(text) {
    return button(text, { symbol: "brush", kind: "quiet small", on: { click: () => this.paint() },
                          "aria-label": `${text}: ${this.field.title}` });
  }

  async paint() {
    const source = this.picture();
    const image = source?.blob;
    if (!image) {
      return this.complain(source?.link ? "A mask can be painted over a file, not over a link"
        : `Choose a picture for “${source?.field.title ?? "image"}” first`);
    }
    this.complain("");
    const fits = this.strokes?.image === image;
    const painted = await paintMask(image, { base: fits ? this.strokes.base : this.blob,
                                             strokes: fits ? this.strokes.strokes : [],
                                             softness: fits ? this.strokes.softness : 0 });
    if (painted) {
      this.setValue(new File([painted.blob], "mask.png", { type: "image/png" }), "",
                    { image, ...painted });
    }
    this.element.querySelector(".file-tools button")?.focus();
  }

  filled() {
    const name = this.blob.name ?? `a ${this.what}`;
    const note = el("span", { class: "muted" }, sizeText(this.blob.size));
    const remove = button(`Remove: ${this.field.title}`, { symbol: "close", only: true, on: {
      click: () => {
        this.setValue(null);
        this.focus();
        announce(`${this.field.title}: removed`);
      } } });
    const replace = button("Replace", { kind: "quiet small", on: {
      click: () => this.choose.click(),
    }, "aria-label": `Replace: ${this.field.title}` });
    let shown = icon("upload");
    if (this.blob.type.startsWith("image/")) {
      this.url = URL.createObjectURL(this.blob);
      shown = el("img", { src: this.url, alt: "" });
      shown.addEventListener("load", () => {
        const { naturalWidth: width, naturalHeight: height } = shown;
        if (this.blob) note.textContent = `${width} × ${height}, ${sizeText(this.blob.size)}`;
      });
      shown.addEventListener("error", () =>
        this.complain(`${name} cannot be shown: is it a picture?`));
    }
    return [
      el("div", { class: "file-shown" }, shown),
      el("div", { class: "file-about" }, el("span", { class: "file-name" }, name), note),
      el("div", { class: "file-tools" }, this.picture && this.paintButton("Paint on"), replace,
         remove),
    ];
  }

  linked() {
    const input = el("input", { type: "url", placeholder: "https://…", spellcheck: "false",
                                "aria-label": `Link: ${this.field.title}` });
    input.value = this.link;
    input.addEventListener("input", () => { this.link = input.value; });
    const back = button(`No link: ${this.field.title}`, { symbol: "close", only: true, on: {
      click: () => {
        this.setValue(null);
        this.focus();
      } } });
    return [el("div", { class: "joined" }, input, back)];
  }
}
