// The form of one template: a control for each field of its schema, what they say, what is wrong.
import { announce, byId, el, uniqueId } from "./dom.js";
import { FileControl } from "./file_control.js";
import { ListControl } from "./list_control.js";
import { isBounded, makeControl } from "./controls.js";
import { foldAt, pictureOf, takesPictures } from "./schema.js";

const isShort = (field) => field.kind === "choice" ||
  (field.kind === "boolean" && field.nullable) ||
  (["integer", "number"].includes(field.kind) && !isBounded(field));

const isKept = (field) => !["file", "pictures", "secret"].includes(field.kind) &&
  field.item?.kind !== "file";

const equal = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export class Form {
  // `fold`: how many fields stand before "More settings".
  constructor(fields, draftKey, fold = foldAt(fields)) {
    this.fields = fields;
    this.draftKey = draftKey;
    this.entries = new Map();  // name → {field, control, element, problem}
    this.element = el("div", { class: "fields-inner" });
    this.place(this.element, fields.slice(0, fold));
    if (fold < fields.length) this.foldAway(fields.slice(fold));
    this.element.addEventListener("input", (event) => this.edited(event.target));
    this.element.addEventListener("change", (event) => this.edited(event.target));
    this.reset();
    this.restoreDraft();
  }

  // Files that follow one another stand side by side, and so do two short fields.
  place(parent, fields) {
    let row = null;
    let half = null;
    for (const field of fields) {
      const element = this.entry(field);
      const second = half !== null && isShort(field);
      if (second) for (const one of [half, element]) one.classList.add("half");
      half = isShort(field) && !second ? element : null;
      if (field.kind !== "file") {
        row = null;
        parent.append(element);
        continue;
      }
      row ??= parent.appendChild(el("div", { class: "file-row" }));
      row.append(element);
    }
  }

  foldAway(fields) {
    const inner = el("div", { class: "fields-inner" });
    this.place(inner, fields);
    this.more = el("details", { class: "more" },
                   el("summary", {}, "More settings",
                      el("span", { class: "muted" }, `${fields.length}`)), inner);
    this.element.append(this.more);
  }

  entry(field) {
    const id = uniqueId("field");
    const labelId = `${id}-label`;
    const control = this.control(field, id, labelId);
    const forControl = control.labelable !== null;
    const label = el(forControl ? "label" : "span",
                     { id: labelId, class: "label", for: forControl ? id : null }, field.title);
    const note = field.deprecated ? "deprecated"
      : field.required && field.kind !== "boolean" ? "required" : null;
    const hint = el("p", { class: "hint", id: `${id}-hint` }, field.description);
    const problem = el("p", { class: "problem", id: `${id}-problem`, hidden: true });
    const target = control.labelable ?? control.element;
    target.setAttribute("aria-describedby",
                        field.description ? `${hint.id} ${problem.id}` : problem.id);
    if (field.required && control.labelable) target.setAttribute("aria-required", "true");
    const element = el("div", { class: `field kind-${field.kind}`, data: { name: field.name } },
                       el("div", { class: "field-head" }, label,
                                       note && el("span", { class: "tag" }, note)),
                       control.element, field.description && hint, problem);
    element.addEventListener("problem", (event) => {
      event.stopPropagation();
      this.say(entry, event.detail);
      if (event.detail) announce(`${field.title}: ${event.detail}`);
    });
    const entry = { field, control, element, problem, target };
    this.entries.set(field.name, entry);
    return element;
  }

  control(field, id, labelId) {
    if (field.kind === "list") return new ListControl(field, id, labelId);
    if (field.kind !== "file") return makeControl(field, id, labelId);
    const picture = pictureOf(field, this.fields);
    return new FileControl(field, id, labelId,
                           picture && (() => this.entries.get(picture.name).control));
  }

  edited(target) {
    if (target.type === "file") return;  // its control tells, also of what it does not take
    const holder = target.closest(".field");
    const entry = holder && this.entries.get(holder.dataset.name);
    if (!entry) return;
    this.say(entry, "");
    clearTimeout(this.draftTimer);
    this.draftTimer = setTimeout(() => this.keepDraft(), 400);
  }

  say(entry, text) {
    entry.problem.textContent = text;
    entry.problem.hidden = text === "";
    entry.element.classList.toggle("wrong", text !== "");
    if (text) entry.target.setAttribute("aria-invalid", "true");
    else entry.target.removeAttribute("aria-invalid");
  }

  // {input} to send, or null after it has said what is wrong. Values that equal their default stay
  // out, but for what the form begins with: it is what a reader of the request looks for.
  collect() {
    const input = {};
    const problems = [];
    const lead = this.fields.find((field) => field.kind === "text");
    for (const { field, control } of this.entries.values()) {
      try {
        const value = control.read();
        if (value === undefined) continue;
        if (field === lead || field.required || !equal(value, field.default) ||
            value instanceof Blob) {
          input[field.name] = value;
        }
      } catch (error) {
        problems.push({ path: [field.name, error.item ?? 0], text: error.message });
      }
    }
    return this.showProblems(problems) ? null : input;
  }

  // `problems`: [{path: [name, item…], text}]. The first is focused, all are told. Result: the
  // number of problems.
  showProblems(problems) {
    for (const entry of this.entries.values()) this.say(entry, "");
    const stray = [];
    let first = null;
    for (const { path, text } of problems) {
      const entry = this.entries.get(String(path[0]));
      if (!entry) {
        stray.push(path.length > 0 && path[0] !== "__root__" ? `${path.join("/")}: ${text}` : text);
        continue;
      }
      const before = entry.problem.textContent;
      this.say(entry, before ? `${before}; ${text}` : text);
      first ??= { entry, item: Number(path[1]) || 0 };
    }
    const box = byId("form-error");
    box.hidden = stray.length === 0;
    box.textContent = stray.join("; ");
    if (first) {
      if (this.more?.contains(first.entry.element)) this.more.open = true;
      first.entry.control.focus(first.item);
      announce(problems.length === 1
        ? `${first.entry.field.title}: ${problems[0].text}`
        : `${problems.length} inputs need attention, the first is ${first.entry.field.title}`);
    } else if (stray.length > 0) {
      box.focus();
    }
    return problems.length;
  }

  // The server's `detail`: [{loc: ["body", "input", "nums/0"], msg}].
  showDetail(detail) {
    this.showProblems(detail.map(({ loc = [], msg }) => ({
      path: loc.slice(loc[1] === "input" ? 2 : 1).flatMap((part) => String(part).split("/")),
      text: msg,
    })));
  }

  reset() {
    for (const { field, control } of this.entries.values()) {
      control.write(field.hasDefault ? field.default ?? undefined : undefined);
    }
    this.showProblems([]);
  }

  kindOf(name) {
    return this.entries.get(name)?.field.kind;
  }

  // All values that can be read, by name.
  values() {
    const values = {};
    for (const { field, control } of this.entries.values()) {
      try {
        const value = control.read();
        if (value !== undefined && !equal(value, field.default)) {
          values[field.name] = { value, kind: field.kind };
        }
      } catch {
        // What is wrong stays behind.
      }
    }
    return values;
  }

  // Takes over the values of another template's form where the fields are alike.
  adopt(values) {
    for (const [name, { value, kind }] of Object.entries(values)) {
      const entry = this.entries.get(name);
      const fits = entry?.field.kind === kind &&
        (kind !== "choice" || entry.field.choices.includes(value));
      if (fits) entry.control.write(value);
    }
  }

  // The settings of an earlier run; what it left out gets its default.
  fill(input) {
    for (const { field, control } of this.entries.values()) {
      if (field.kind === "secret") continue;
      const value = field.name in input ? input[field.name] : field.default;
      control.write(value ?? undefined);
    }
    this.showProblems([]);
    this.keepDraft();
  }

  // Puts a picture where pictures go; the field's title, or null if there is no such field.
  givePicture(blob) {
    const files = [...this.entries.values()].filter(({ field, control }) =>
      field.kind === "file" && takesPictures(field) && !control.picture);
    const wanted = files.find(({ element }) => element.contains(document.activeElement)) ??
      files.find(({ field }) => field.name === "image") ??
      files.find(({ control }) => !control.blob) ?? files[0];
    if (!wanted) return null;
    wanted.control.take(blob);
    if (this.more?.contains(wanted.element)) this.more.open = true;
    return wanted.field.title;
  }

  get takesPicture() {
    return this.fields.some((field) => field.kind === "file" && takesPictures(field));
  }

  // What was typed survives a reload of the page; files and secrets do not.
  keepDraft() {
    const draft = {};
    for (const { field, control } of this.entries.values()) {
      if (!isKept(field)) continue;
      try {
        const value = control.read();
        if (value !== undefined && !equal(value, field.default)) draft[field.name] = value;
      } catch {
        // Half a number is no draft.
      }
    }
    try {
      sessionStorage.setItem(this.draftKey, JSON.stringify(draft));
    } catch {
      // No storage, no draft.
    }
  }

  restoreDraft() {
    try {
      const draft = JSON.parse(sessionStorage.getItem(this.draftKey) ?? "{}");
      for (const [name, value] of Object.entries(draft)) {
        this.entries.get(name)?.control.write(value);
      }
    } catch {
      // Of another version, or not ours.
    }
    clearTimeout(this.draftTimer);
  }
}
