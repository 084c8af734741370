// Files as they travel: data URLs on the wire, blobs in the page. (Fetching a data URL would need a
// hole in the page's Content-Security-Policy.)

export function toDataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error(`${blob.name ?? "The file"} cannot be read`));
    reader.readAsDataURL(blob);
  });
}

export function fromDataUrl(url) {
  const comma = url.indexOf(",");
  const head = url.slice(5, comma);
  const type = head.split(";")[0] || "text/plain";
  const data = url.slice(comma + 1);
  if (!/;base64$/i.test(head)) return new Blob([decodeURIComponent(data)], { type });
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  return new Blob([bytes], { type });
}

// The input with every file in it as a data URL; lists are looked into.
export async function toWire(value) {
  if (value instanceof Blob) return toDataUrl(value);
  if (Array.isArray(value)) return Promise.all(value.map(toWire));
  if (value && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    const entries = await Promise.all(
      Object.entries(value).map(async ([name, item]) => [name, await toWire(item)]));
    return Object.fromEntries(entries);
  }
  return value;
}

export function sizeText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

const extensions = {
  "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif",
  "image/svg+xml": "svg", "text/plain": "txt", "application/json": "json", "audio/wav": "wav",
  "audio/mpeg": "mp3", "video/mp4": "mp4", "application/zip": "zip",
};
export const extensionOf = (type) => extensions[type.split(";")[0]] ?? "bin";

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// Texts that a PNG carries: {keyword: text} of its tEXt and uncompressed iTXt chunks.
export async function pngTexts(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const texts = {};
  if (bytes.length < 8 || view.getUint32(0) !== 0x89504e47) return texts;
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    const end = data.indexOf(0);
    if (end > 0 && (type === "tEXt" || type === "iTXt")) {
      const keyword = String.fromCharCode(...data.subarray(0, end));
      if (type === "tEXt") {
        texts[keyword] = new TextDecoder("latin1").decode(data.subarray(end + 1));
      } else if (data[end + 1] === 0) {
        const language = data.indexOf(0, end + 3);
        const translated = data.indexOf(0, language + 1);
        texts[keyword] = new TextDecoder().decode(data.subarray(translated + 1));
      }
    }
    at += 12 + length;
  }
  return texts;
}
