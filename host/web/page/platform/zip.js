// Writes zip archives. Pictures are compressed already, so their bytes are stored as they are, and
// the archive refers to the files on the user's disk instead of holding copies of them.

const most_files = 65535;
const most_bytes = 0xffffffff;  // beyond either, Zip64 would be needed
const utf8_names = 0x0800;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; ++bit) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

export function crc32(bytes, crc = 0) {
  let value = ~crc;
  for (const byte of bytes) value = crcTable[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

async function crcOf(blob) {
  let crc = 0;
  const reader = blob.stream().getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return crc;
    crc = crc32(value, crc);
  }
}

// "a.png", and "a-2.png" for another of that name; no folders.
export function uniqueNames(names) {
  const taken = new Set();
  return names.map((name) => {
    const plain = name.split(/[\\/]/).pop() || "picture";
    const dot = plain.lastIndexOf(".");
    const [stem, end] = dot > 0 ? [plain.slice(0, dot), plain.slice(dot)] : [plain, ""];
    let unique = plain;
    for (let i = 2; taken.has(unique.toLowerCase()); ++i) unique = `${stem}-${i}${end}`;
    taken.add(unique.toLowerCase());
    return unique;
  });
}

// Little-endian fields, each [bytes, value].
function record(...fields) {
  const size = fields.reduce((total, [bytes]) => total + bytes, 0);
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

// What the header before a file and its entry in the directory have in common. Times are left at
// their beginning (1 January 1980): equal pictures make an equal archive.
const common = (entry) => [[2, 20], [2, utf8_names], [2, 0], [2, 0], [2, 33], [4, entry.crc],
                           [4, entry.size], [4, entry.size], [2, entry.name.length], [2, 0]];

// `files`: [{name, blob}]. Throws Error for what does not fit into an archive.
export async function zipOf(files) {
  const names = uniqueNames(files.map(({ name }) => name));
  const parts = [];
  const directory = [];
  let at = 0;
  const add = (part) => {
    parts.push(part);
    at += part.size ?? part.length;
  };
  for (const [i, { blob }] of files.entries()) {
    const entry = { name: new TextEncoder().encode(names[i]), crc: await crcOf(blob),
                    size: blob.size };
    directory.push(record([4, 0x02014b50], [2, 20], ...common(entry), [2, 0], [2, 0], [2, 0],
                          [4, 0], [4, at]), entry.name);
    add(record([4, 0x04034b50], ...common(entry)));
    add(entry.name);
    add(blob);
  }
  const begin = at;
  directory.forEach(add);
  if (at > most_bytes || files.length > most_files) {
    throw new Error("That is more than one archive takes: at most 65535 files and 4 GiB");
  }
  add(record([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length],
             [4, at - begin], [4, begin], [2, 0]));
  return new Blob(parts, { type: "application/zip" });
}
