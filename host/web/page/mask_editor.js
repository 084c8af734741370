// Paints a mask over a picture: with a pointer, with the arrow keys, or as rectangles in numbers.
import { announce, button, el, uniqueId } from "./dom.js";
import { openDialog } from "./dialog.js";
import { MaskModel, readMask } from "./mask_model.js";

const most_pixels_a_side = 2048;

// `base`: a mask to begin with (a Blob) or null; `strokes` and `softness` of a mask painted before.
// Result: {blob, base, strokes, softness}, or null if it was given up.
export async function paintMask(image, { base = null, strokes = [], softness = 0 } = {}) {
  const bitmap = await createImageBitmap(image);
  const shrink = Math.min(1, most_pixels_a_side / Math.max(bitmap.width, bitmap.height));
  const width = Math.round(bitmap.width * shrink);
  const height = Math.round(bitmap.height * shrink);
  const first = base && await readMask(base, width, height);
  const editor = new MaskEditor(bitmap, new MaskModel(width, height, { base: first, strokes }),
                                softness);
  if (!await editor.finished()) return null;
  return { blob: await editor.model.toPng(editor.softness), base,
           strokes: editor.model.strokes, softness: editor.softness };
}

class MaskEditor {
  constructor(bitmap, model, softness) {
    this.model = model;
    this.softness = softness;
    this.erase = false;
    this.size = Math.max(4, Math.round(Math.min(model.canvas.width, model.canvas.height) / 8));
    this.cursor = [model.canvas.width / 2, model.canvas.height / 2];
    this.penDown = false;
    this.build(bitmap);
    this.listen();
    this.shown();
  }

  build(bitmap) {
    const { width, height } = this.model.canvas;
    const picture = el("canvas", { width, height, "aria-hidden": "true" });
    picture.getContext("2d").drawImage(bitmap, 0, 0, width, height);
    this.overlay = el("canvas", { width, height, "aria-hidden": "true", class: "overlay" });
    this.ring = el("div", { class: "ring", "aria-hidden": "true" });
    this.board = el("div", { class: "board", tabindex: "0", role: "application",
      "aria-label": "Mask over the picture",
      "aria-describedby": "mask-help" }, picture, this.overlay, this.ring);
    this.frame = el("div", { class: "board-frame" }, this.board);
    this.status = el("p", { class: "muted", role: "status" });
    const done = button("Use this mask", { kind: "primary" });
    const back = button("Discard", { kind: "quiet" });
    done.addEventListener("click", () => {
      this.accepted = true;
      this.dialog.close();
    });
    this.dialog = openDialog("Paint a mask", { class: "mask" },
      el("p", { class: "muted", id: "mask-help" },
         "What you paint is repainted, the rest is kept. By keyboard: arrow keys move the brush, ",
         "Space puts it down or lifts it, [ and ] change its size."),
      el("div", { class: "mask-columns" }, this.frame, this.tools()),
      el("div", { class: "dialog-actions" }, this.status, back, done));
    back.addEventListener("click", this.dialog.close);
    this.board.style.aspectRatio = `${width} / ${height}`;
    this.board.style.setProperty("--ratio", String(width / height));
    this.board.focus();
  }

  tools() {
    const { width, height } = this.model.canvas;
    const mode = uniqueId("mode");
    const radio = (text, erase) => {
      const input = el("input", { type: "radio", name: mode, checked: !erase });
      input.addEventListener("change", () => { this.erase = erase; });
      return { input, label: el("label", { class: "segment" }, input, el("span", {}, text)) };
    };
    this.brush = radio("Brush", false);
    this.eraser = radio("Erase", true);
    const most = Math.round(Math.max(width, height) / 2);
    this.sizeSlider = this.slider("Size", 1, most, this.size, (value) => { this.size = value; });
    const softest = Math.max(8, Math.round(Math.min(width, height) / 4));
    this.softSlider = this.slider("Soft edge", 0, softest, this.softness,
                                  (value) => { this.softness = value; });
    const act = (text, symbol, action) =>
      button(text, { symbol, kind: "quiet small", on: { click: () => this.act(action, text) } });
    this.undoButton = act("Undo", "undo", () => this.model.undo());
    this.redoButton = act("Redo", "redo", () => this.model.redo());
    return el("div", { class: "mask-tools" },
      el("fieldset", { class: "segments" }, el("legend", { class: "unseen" }, "Tool"),
         this.brush.label, this.eraser.label),
      this.sizeSlider.element, this.softSlider.element,
      el("div", { class: "button-row" }, this.undoButton, this.redoButton,
         act("Invert", null, () => this.model.add({ kind: "invert" })),
         act("Clear", null, () => this.model.add({ kind: "clear" }))),
      this.boxes());
  }

  slider(text, min, max, value, change) {
    const id = uniqueId("slider");
    const output = el("span", { class: "value", "aria-hidden": "true" }, `${value} px`);
    const input = el("input", { type: "range", id, min, max, value, step: 1 });
    const show = () => {
      output.textContent = `${input.value} px`;
      input.setAttribute("aria-valuetext", output.textContent);
      input.style.setProperty("--share", `${((input.value - min) / (max - min)) * 100}%`);
    };
    input.addEventListener("input", () => {
      change(Number(input.value));
      show();
      this.shown();
    });
    show();
    const element = el("div", { class: "tool" },
                       el("div", { class: "field-head" }, el("label", { for: id }, text), output),
                       input);
    return { element, set: (next) => {
      input.value = next;
      input.dispatchEvent(new Event("input"));
    } };
  }

  // The alternative to painting: a rectangle by its numbers, in per cent of the picture.
  boxes() {
    const entries = { left: 25, top: 25, width: 50, height: 50 };
    const inputs = {};
    const cells = Object.entries(entries).map(([name, value]) => {
      const id = uniqueId("box");
      inputs[name] = el("input", { id, type: "number", min: 0, max: 100, step: "any", value });
      const title = name.charAt(0).toUpperCase() + name.slice(1);
      return el("div", {}, el("label", { for: id }, `${title} %`), inputs[name]);
    });
    const add = (erase) => {
      const part = (name) => Math.min(100, Math.max(0, Number(inputs[name].value) || 0)) / 100;
      const { width, height } = this.model.canvas;
      this.act(() => this.model.add({
        kind: "box", erase, x: part("left") * width, y: part("top") * height,
        width: part("width") * width, height: part("height") * height,
      }), erase ? "Rectangle erased" : "Rectangle painted");
    };
    return el("fieldset", { class: "boxes" }, el("legend", {}, "Rectangle"),
      el("div", { class: "box-cells" }, cells),
      el("div", { class: "button-row" },
         button("Paint it", { kind: "quiet small", on: { click: () => add(false) } }),
         button("Erase it", { kind: "quiet small", on: { click: () => add(true) } })));
  }

  act(action, text) {
    action();
    this.shown();
    announce(`${text}. ${this.status.textContent}`);
  }

  listen() {
    const { board } = this;
    board.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      board.focus();
      board.setPointerCapture(event.pointerId);
      this.painting = true;
      this.begin(this.place(event));
    });
    board.addEventListener("pointermove", (event) => {
      this.cursor = this.place(event);
      if (this.painting) {
        const parts = event.getCoalescedEvents?.() ?? [event];
        for (const part of parts) this.model.extend(this.place(part));
        this.show();
      }
      this.moveRing();
    });
    const lift = () => {
      if (this.painting) this.shown();
      this.painting = false;
    };
    board.addEventListener("pointerup", lift);
    board.addEventListener("pointercancel", lift);
    board.addEventListener("keydown", (event) => this.onBoardKey(event));
    this.dialog.element.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === "z") {
      event.preventDefault();
      this.act(() => (event.shiftKey ? this.model.redo() : this.model.undo()),
               event.shiftKey ? "Redo" : "Undo");
    } else if (command && event.key.toLowerCase() === "y") {
      event.preventDefault();
      this.act(() => this.model.redo(), "Redo");
    } else if (!command && (event.key === "[" || event.key === "]")) {
      const next = event.key === "]" ? this.size * 1.25 + 1 : this.size / 1.25;
      this.sizeSlider.set(Math.max(1, Math.round(next)));
    }
  }

  onBoardKey(event) {
    const directions = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    };
    const direction = directions[event.key];
    if (direction) {
      event.preventDefault();
      const stride = Math.max(1, this.size / 4) * (event.shiftKey ? 4 : 1);
      const limits = [this.model.canvas.width, this.model.canvas.height];
      this.cursor = this.cursor.map((at, axis) =>
        Math.min(limits[axis], Math.max(0, at + direction[axis] * stride)));
      if (this.penDown) this.model.extend(this.cursor);
      this.show();
      this.moveRing();
    } else if (event.key === " ") {
      event.preventDefault();
      this.penDown = !this.penDown;
      if (this.penDown) this.begin(this.cursor);
      this.shown();
      const [x, y] = this.cursor.map((at, axis) =>
        Math.round(100 * at / (axis === 0 ? this.model.canvas.width : this.model.canvas.height)));
      const what = this.penDown ? "down" : "lifted";
      announce(`Brush ${what} at ${x} %, ${y} %. ${this.status.textContent}`);
    }
  }

  begin(point) {
    this.cursor = point;
    this.model.add({ kind: "line", points: [point], size: this.size, erase: this.erase });
    this.show();
    this.moveRing();
  }

  // Of a pointer event, in pixels of the mask.
  place(event) {
    const box = this.overlay.getBoundingClientRect();
    return [(event.clientX - box.left) * this.model.canvas.width / box.width,
            (event.clientY - box.top) * this.model.canvas.height / box.height];
  }

  // The mask in colour over the picture.
  show() {
    const context = this.overlay.getContext("2d");
    const { width, height } = this.overlay;
    context.globalCompositeOperation = "copy";
    context.drawImage(this.model.canvas, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = "#e0356f";
    context.fillRect(0, 0, width, height);
  }

  // After a stroke: also what follows from the mask as a whole.
  shown() {
    this.show();
    this.moveRing();
    const scale = this.overlay.getBoundingClientRect().width / this.overlay.width || 1;
    this.overlay.style.filter = this.softness > 1 ? `blur(${(this.softness * scale) / 4}px)` : "";
    const share = this.model.coverage();
    this.status.textContent = share === 0 ? "Nothing is painted yet"
      : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} % of the picture is repainted`;
    this.undoButton.disabled = this.model.strokes.length === 0;
    this.redoButton.disabled = this.model.undone.length === 0;
  }

  moveRing() {
    const { width, height } = this.model.canvas;
    this.ring.style.width = `${(100 * this.size) / width}%`;
    this.ring.style.left = `${(100 * this.cursor[0]) / width}%`;
    this.ring.style.top = `${(100 * this.cursor[1]) / height}%`;
    this.ring.classList.toggle("down", this.penDown);
  }

  async finished() {
    await this.dialog.ended;
    return this.accepted === true;
  }
}
