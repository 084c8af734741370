// A mask as a list of strokes over an optional first picture, drawn on a canvas whose alpha is the
// mask: opaque is repainted. Undo draws all but the last stroke again.

// A stroke: {kind: "line", points: [[x, y]…], size, erase}, {kind: "box", x, y, width, height,
// erase}, {kind: "invert"} or {kind: "clear"}; all in pixels of the mask.
export class MaskModel {
  constructor(width, height, { base = null, strokes = [] } = {}) {
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.base = base;  // a canvas of the same size, or null
    this.strokes = [...strokes];
    this.undone = [];
    this.redraw();
  }

  redraw() {
    this.context.globalCompositeOperation = "source-over";
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.base) this.context.drawImage(this.base, 0, 0);
    for (const stroke of this.strokes) this.draw(stroke);
  }

  add(stroke) {
    this.strokes.push(stroke);
    this.undone = [];
    this.draw(stroke);
  }

  undo() {
    const stroke = this.strokes.pop();
    if (!stroke) return false;
    this.undone.push(stroke);
    this.redraw();
    return true;
  }

  redo() {
    const stroke = this.undone.pop();
    if (!stroke) return false;
    this.strokes.push(stroke);
    this.draw(stroke);
    return true;
  }

  // Goes on with the line that was added last.
  extend(point) {
    const line = this.strokes[this.strokes.length - 1];
    line.points.push(point);
    this.draw({ ...line, points: line.points.slice(-2) });
  }

  draw(stroke) {
    const { context, canvas } = this;
    context.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
    context.fillStyle = context.strokeStyle = "#fff";
    if (stroke.kind === "clear") {
      context.clearRect(0, 0, canvas.width, canvas.height);
    } else if (stroke.kind === "invert") {
      context.globalCompositeOperation = "xor";
      context.fillRect(0, 0, canvas.width, canvas.height);
    } else if (stroke.kind === "box") {
      context.fillRect(stroke.x, stroke.y, stroke.width, stroke.height);
    } else {
      const [first, ...rest] = stroke.points;
      context.lineWidth = stroke.size;
      context.lineCap = context.lineJoin = "round";
      context.beginPath();
      context.moveTo(...first);
      if (rest.length === 0) context.lineTo(first[0] + 0.01, first[1]);
      for (const point of rest) context.lineTo(...point);
      context.stroke();
    }
  }

  // The share of the picture that is repainted, 0 to 1.
  coverage() {
    const { data } = this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    let sum = 0;
    for (let i = 3; i < data.length; i += 4) sum += data[i];
    return sum / 255 / (data.length / 4);
  }

  // A PNG in black and white, with an edge `softness` pixels wide.
  async toPng(softness) {
    const { width, height } = this.canvas;
    const image = this.context.getImageData(0, 0, width, height);
    const grey = new Float32Array(width * height);
    for (let i = 0; i < grey.length; ++i) grey[i] = image.data[4 * i + 3];
    blur(grey, width, height, softness / 2);
    for (let i = 0; i < grey.length; ++i) {
      image.data.fill(Math.round(grey[i]), 4 * i, 4 * i + 3);
      image.data[4 * i + 3] = 255;
    }
    const out = document.createElement("canvas");
    out.width = width;
    out.height = height;
    out.getContext("2d").putImageData(image, 0, 0);
    return new Promise((resolve) => { out.toBlob(resolve, "image/png"); });
  }
}

// Three box blurs in a row come close to a Gaussian of that radius.
export function blur(grey, width, height, radius) {
  const reach = Math.round(radius / 2);
  if (reach < 1) return;
  const lines = new Float32Array(Math.max(width, height));
  for (let pass = 0; pass < 3; ++pass) {
    for (let y = 0; y < height; ++y) boxBlur(grey, y * width, 1, width, reach, lines);
    for (let x = 0; x < width; ++x) boxBlur(grey, x, width, height, reach, lines);
  }
}

// One row or column; beyond its ends it goes on as it ends.
function boxBlur(grey, start, stride, count, reach, line) {
  for (let i = 0; i < count; ++i) line[i] = grey[start + i * stride];
  const at = (i) => line[Math.min(count - 1, Math.max(0, i))];
  let sum = 0;
  for (let i = -reach; i <= reach; ++i) sum += at(i);
  for (let i = 0; i < count; ++i) {
    grey[start + i * stride] = sum / (2 * reach + 1);
    sum += at(i + reach + 1) - at(i - reach);
  }
}

// A mask file as the alpha of a canvas of that size: its brightness is what is repainted.
export async function readMask(blob, width, height) {
  const bitmap = await createImageBitmap(blob);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0, width, height);
  const image = context.getImageData(0, 0, width, height);
  for (let i = 0; i < image.data.length; i += 4) {
    const grey = 0.299 * image.data[i] + 0.587 * image.data[i + 1] + 0.114 * image.data[i + 2];
    image.data[i + 3] = Math.round(grey * image.data[i + 3] / 255);
    image.data.fill(255, i, i + 3);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
