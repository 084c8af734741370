// A list of values, each with a control of its own; items are added and removed.
import { announce, button, el, uniqueId } from "./dom.js";
import { FileControl } from "./file_control.js";
import { makeControl } from "./controls.js";

export class ListControl {
  constructor(field, id, labelId) {
    this.field = field;
    this.items = [];
    this.list = el("ul", { class: "items" });
    this.adder = button(`Add`, { symbol: "plus", kind: "quiet small", id,
                                 "aria-label": `Add: ${field.title}`, on: {
      click: () => {
        this.add(undefined).control.focus();
        this.changed();
      } } });
    this.element = el("div", { class: "list", role: "group", "aria-labelledby": labelId },
                      this.list, this.adder);
  }

  get labelable() {
    return null;
  }

  add(value) {
    const id = uniqueId("item");
    const label = el("span", { class: "unseen", id: `${id}-label` });
    const field = { ...this.field.item, title: this.field.title, name: this.field.name,
                    hasDefault: false, nullable: false, required: true };
    const control = field.kind === "file" ? new FileControl(field, id, label.id)
      : makeControl(field, id, label.id);
    control.labelable?.setAttribute("aria-labelledby", label.id);
    const remove = button("", { symbol: "close", only: true });
    const entry = { control, label, remove };
    entry.element = el("li", {}, label, control.element, remove);
    remove.addEventListener("click", () => this.remove(entry));
    control.labelable?.addEventListener("keydown", (event) => this.onKey(event, entry));
    this.items.push(entry);
    this.list.append(entry.element);
    control.write(value);
    this.number();
    return entry;
  }

  // Enter begins the next item, Backspace leaves an empty one.
  onKey(event, entry) {
    const { labelable } = entry.control;
    if (labelable.tagName !== "INPUT" || labelable.type === "checkbox") return;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.add(undefined).control.focus();
    } else if (event.key === "Backspace" && labelable.value === "") {
      event.preventDefault();
      this.remove(entry);
    }
  }

  remove(entry) {
    const index = this.items.indexOf(entry);
    this.items.splice(index, 1);
    entry.element.remove();
    this.number();
    (this.items[Math.min(index, this.items.length - 1)]?.control ?? this.adder).focus();
    announce(`${this.field.title}: item ${index + 1} removed`);
    this.changed();
  }

  number() {
    this.items.forEach(({ label, remove }, i) => {
      label.textContent = `${this.field.title} ${i + 1}`;
      remove.setAttribute("aria-label", `Remove: ${label.textContent}`);
      remove.title = "Remove";
    });
  }

  changed() {
    this.element.dispatchEvent(new Event("input", { bubbles: true }));
  }

  read() {
    const values = this.items.map(({ control }, i) => {
      try {
        return control.read();
      } catch (error) {
        throw Object.assign(new Error(`Item ${i + 1}: ${error.message}`), { item: i });
      }
    });
    const given = values.filter((value) => value !== undefined && value !== "");
    if (given.length > 0) return given;
    return this.field.required || (this.field.default?.length ?? 0) > 0 ? [] : undefined;
  }

  write(value) {
    for (const { element } of this.items.splice(0)) element.remove();
    for (const item of value ?? []) this.add(item);
    this.changed();
  }

  focus(item = 0) {
    (this.items[item]?.control ?? this.adder).focus();
  }
}
