// A request as code: curl, Python, JavaScript. Files are read from disk by their names, secrets
// come from the environment; neither stands in the text.

class Raw {
  constructor(make) {
    this.make = make;
  }
}

const fileName = (blob) => blob.name ?? "file.bin";

// The input with files and secrets as markers that each language writes in its own way.
export function marked(input, secrets) {
  const mark = (value, name) => {
    if (value instanceof Blob) {
      const type = value.type || "application/octet-stream";
      return new Raw((language) => language.file(fileName(value), type));
    }
    if (secrets.has(name)) return new Raw((language) => language.secret(name.toUpperCase()));
    return Array.isArray(value) ? value.map((item) => mark(item, name)) : value;
  };
  const entries = Object.entries(input).map(([name, value]) => [name, mark(value, name)]);
  return Object.fromEntries(entries);
}

export const hasFile = (value) => value instanceof Blob ||
  (Array.isArray(value) && value.some(hasFile));

// A literal, indented by `depth` steps of `language.indent`.
export function literal(value, language, depth = 0) {
  if (value instanceof Raw) return value.make(language);
  if (value === null || typeof value !== "object") return language.scalar(value);
  const list = Array.isArray(value);
  const inner = "\n" + language.indent.repeat(depth + 1);
  const parts = list ? value.map((item) => literal(item, language, depth + 1))
    : Object.entries(value).map(([name, item]) =>
      `${language.key(name)}: ${literal(item, language, depth + 1)}`);
  const [open, shut] = list ? "[]" : "{}";
  const flat = list && value.every((item) => item === null || typeof item !== "object");
  if (parts.length === 0 || flat) return open + parts.join(", ") + shut;
  const tail = (language.trailingComma ? ",\n" : "\n") + language.indent.repeat(depth);
  return open + inner + parts.join("," + inner) + tail + shut;
}

// Inside a here-document that the shell expands.
const escapeShell = (text) => text.replace(/[\\$`]/g, (character) => "\\" + character);
const quoteShell = (text) => (/^[\w./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

export const shell = {
  indent: "  ",
  key: (name) => JSON.stringify(name),
  scalar: (value) => escapeShell(JSON.stringify(value)),
  file: (name, type) => `"data:${type};base64,$(base64 < ${quoteShell(name)} | tr -d '\\n')"`,
  secret: (name) => `"$${name}"`,
};

export const python = {
  indent: "    ",
  trailingComma: true,
  key: (name) => JSON.stringify(name),
  scalar: (value) => ({ true: "True", false: "False", null: "None" })[String(value)] ??
    JSON.stringify(value),
  file: (name, type) => `data_url(${JSON.stringify(name)}, ${JSON.stringify(type)})`,
  secret: (name) => `os.environ[${JSON.stringify(name)}]`,
};

export const javascript = {
  indent: "  ",
  trailingComma: true,
  key: (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)),
  scalar: (value) => JSON.stringify(value),
  file: (name, type) => `await dataUrl(${JSON.stringify(name)}, ${JSON.stringify(type)})`,
  secret: (name) => `process.env.${name}`,
};

export function asCurl(url, input, secrets = new Set()) {
  const expands = Object.values(input).some(hasFile) ||
    Object.keys(input).some((name) => secrets.has(name));
  const language = expands ? shell : { ...shell, scalar: JSON.stringify };
  const body = literal({ input: marked(input, secrets) }, language);
  return `curl -sS ${url} \\
  -H 'Content-Type: application/json' \\
  --data-binary @- <<${expands ? "END" : "'END'"}
${body}
END
`;
}

export function asPython(url, input, secrets = new Set()) {
  const files = Object.values(input).some(hasFile);
  const environment = Object.keys(input).some((name) => secrets.has(name));
  const helper = `

def data_url(path, media_type):
    with open(path, "rb") as file:
        return f"data:{media_type};base64," + base64.b64encode(file.read()).decode()

`;
  return `import base64
${environment ? "import os\n" : ""}
import requests
${files ? helper : ""}
answer = requests.post(
    ${JSON.stringify(url)},
    json=${literal({ input: marked(input, secrets) }, python, 1)},
)
prediction = answer.json()
if prediction.get("status") != "succeeded":
    raise SystemExit(prediction)
output = prediction["output"]
for i, item in enumerate(output if isinstance(output, list) else [output]):
    if isinstance(item, str) and item.startswith("data:"):
        head, data = item.split(",", 1)
        name = f"output-{i}." + head[5:].split(";")[0].split("/")[-1]
        with open(name, "wb") as file:
            file.write(base64.b64decode(data))
        print(name)
    else:
        print(item)
`;
}

export function asJavaScript(url, input, secrets = new Set()) {
  const files = Object.values(input).some(hasFile);
  const helper = `
async function dataUrl(path, mediaType) {
  return \`data:\${mediaType};base64,\${await readFile(path, "base64")}\`;
}
`;
  return `import { ${files ? "readFile, " : ""}writeFile } from "node:fs/promises";
${files ? helper : ""}
const answer = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(${literal({ input: marked(input, secrets) }, javascript, 1)}),
});
const prediction = await answer.json();
if (prediction.status !== "succeeded") throw new Error(JSON.stringify(prediction));
for (const [i, item] of [prediction.output].flat().entries()) {
  if (typeof item === "string" && item.startsWith("data:")) {
    const [head, data] = item.split(",", 2);
    const name = \`output-\${i}.\${head.slice(5).split(";")[0].split("/").pop()}\`;
    await writeFile(name, data, "base64");
    console.log(name);
  } else {
    console.log(item);
  }
}
`;
}
