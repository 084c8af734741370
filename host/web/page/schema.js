// An OpenAPI document of a Cog server → the fields of its form, in the order of x-order.
//
// A field: {name, title, description, kind, required, nullable, hasDefault, default, min, max,
// minLength, maxLength, pattern, choices, accept, item, types, deprecated}, where kind is one of
// text, secret, integer, number, boolean, choice, file, list (of `item`), union (of `types`), json.

const unescapeKey = (key) => key.replace(/~1/g, "/").replace(/~0/g, "~");  // of JSON pointers

function resolve(schema, root) {
  let found = schema ?? {};
  for (let hops = 0; found.$ref && hops < 16; ++hops) {
    const path = found.$ref.replace(/^#\//, "").split("/");
    const target = path.reduce((at, key) => at?.[unescapeKey(key)], root);
    found = { ...target, ...found, $ref: target?.$ref };
  }
  if (found.allOf) {
    const { allOf, ...own } = found;
    found = Object.assign({}, ...allOf.map((part) => resolve(part, root)), own);
  }
  return found;
}

// The members of a union, "null" left out; a union of one is that one.
function flatten(schema, root) {
  const members = schema.anyOf ?? schema.oneOf;
  const listed = Array.isArray(schema.type) ? schema.type.map((type) => ({ type })) : members;
  if (!listed) return { schema, nullable: schema.nullable === true, union: null };
  const all = listed.map((member) => resolve(member, root));
  const real = all.filter((member) => member.type !== "null");
  const nullable = schema.nullable === true || real.length < all.length ||
    all.some((member) => member.nullable);
  if (real.length !== 1) return { schema, nullable, union: real };
  const { anyOf, oneOf, type, ...own } = schema;
  return { schema: { ...real[0], ...own }, nullable, union: null };
}

function kindOf(schema, union) {
  if (union) return "union";
  if (Array.isArray(schema.enum)) return "choice";
  if (schema["x-cog-secret"] || schema.format === "password") return "secret";
  switch (schema.type) {
    case "integer": case "number": case "boolean": return schema.type;
    case "array": return "list";
    case "string": return schema.format === "uri" ? "file" : "text";
    default: return "json";
  }
}

function readField(name, source, root, required) {
  const { schema, nullable, union } = flatten(resolve(source, root), root);
  const kind = kindOf(schema, union);
  const own = source.title ?? (source.allOf ? undefined : schema.title);
  const field = {
    name, kind, required, nullable,
    title: titleOf(own ?? name),
    description: schema.description === "An enumeration." ? "" : schema.description ?? "",
    hasDefault: "default" in schema, default: schema.default,
    min: schema.minimum ?? schema.exclusiveMinimum, max: schema.maximum ?? schema.exclusiveMaximum,
    minLength: schema.minLength, maxLength: schema.maxLength, pattern: schema.pattern,
    choices: schema.enum, accept: schema["x-cog-accept"], deprecated: schema.deprecated === true,
    order: schema["x-order"] ?? Number.MAX_SAFE_INTEGER,
  };
  if (kind === "list") field.item = readField(name, schema.items ?? {}, root, true);
  if (kind === "union") field.types = union.map((member) => kindOf(member, null));
  return field;
}

// "num_outputs", "Num Outputs" → "Num outputs", but "LoRA" stays.
function titleOf(text) {
  const words = text.replace(/_/g, " ").trim().split(/\s+/);
  return words.map((word, i) => {
    if (word === word.toUpperCase() && word.length > 1) return word;
    const rest = /^[A-Z][a-z]*$/.test(word) ? word.toLowerCase() : word;
    return i === 0 ? rest.charAt(0).toUpperCase() + rest.slice(1) : rest;
  }).join(" ");
}

export function readFields(document) {
  const input = resolve(document.components?.schemas?.Input, document);
  const required = new Set(input.required ?? []);
  return Object.entries(input.properties ?? {})
    .map(([name, schema]) => readField(name, schema, document, required.has(name)))
    .sort((a, b) => a.order - b.order);
}

export function joinsOutput(document) {
  return document.components?.schemas?.Output?.["x-cog-array-display"] === "concatenate";
}

const pictureNames = /image|mask|photo|picture|img|frame|face|sketch|drawing/i;
export function takesPictures(field) {
  return field.accept ? /image/.test(field.accept) : pictureNames.test(field.name);
}

// For a mask, the field of the picture it lies over; else null.
export function pictureOf(field, fields) {
  if (field.kind !== "file" || !/mask/i.test(field.name)) return null;
  const files = fields.filter((other) => other.kind === "file" && other !== field &&
    !/mask/i.test(other.name));
  const near = field.name.replace(/_?mask_?/i, "");
  return files.find((other) => other.name === near) ?? files.find((f) => f.name === "image") ??
    files.find((other) => takesPictures(other)) ?? null;
}

// Where the form folds: long schemas show what comes up to the seed, or the first dozen.
export function foldAt(fields) {
  if (fields.length <= 14) return fields.length;
  const seed = fields.findIndex((field) => field.name === "seed");
  return seed >= 4 && seed < fields.length - 2 ? seed + 1 : 12;
}
