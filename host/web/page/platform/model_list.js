// The models that the account sees, those with the newest versions first.
import { button, el } from "../dom.js";
import { agoText, timeElement } from "./wording.js";

const look_ms = 10000;

export class ModelList {
  constructor(client, onError) {
    this.client = client;
    this.onError = onError;
    this.models = new Map();  // "owner/name" → model
    this.next = null;
    this.list = el("ul", { class: "cards" });
    this.more = button("Show more", { kind: "quiet small", hidden: true, on: {
      click: () => this.loadMore() } });
    this.nothing = el("p", { class: "muted cards-empty", hidden: true },
                      "No models yet. A training makes one.");
    this.element = el("div", {}, this.nothing, this.list, this.more);
    document.addEventListener("visibilitychange", () => this.look());
  }

  start() {
    this.running = true;
    return this.look();
  }

  stop() {
    this.running = false;
    clearTimeout(this.timer);
  }

  async look() {
    clearTimeout(this.timer);
    if (!this.running || document.hidden) return;
    try {
      const page = await this.client.get("v1/models");
      if (!this.loaded) this.next = page.next;
      this.loaded = true;
      this.take(page.results);
      this.onError("");
    } catch (error) {
      if (error.status === 401) return;
      this.onError(error.status ? error.message : "The platform does not answer");
    }
    clearTimeout(this.timer);
    if (this.running) this.timer = setTimeout(() => this.look(), look_ms);
  }

  async loadMore() {
    try {
      const page = await this.client.get(this.next);
      this.next = page.next;
      this.take(page.results);
    } catch (error) {
      this.onError(error.message);
    }
  }

  take(models) {
    for (const model of models) this.models.set(`${model.owner}/${model.name}`, model);
    this.show();
  }

  select(name) {
    this.selected = name;
    this.show();
  }

  show() {
    const made = (model) => model.latest_version?.created_at ?? "";
    const sorted = [...this.models].sort(([, a], [, b]) => made(b).localeCompare(made(a)));
    const known = new Map([...this.list.children].map((item) => [item.dataset.name, item]));
    for (const [i, [name, model]] of sorted.entries()) {
      const item = known.get(name) ?? el("li", { data: { name } },
        el("a", { class: "card", href: `#/models/${name}` }));
      this.fill(item, name, model);
      if (this.list.children[i] !== item) {
        this.list.insertBefore(item, this.list.children[i] ?? null);
      }
    }
    this.nothing.hidden = sorted.length > 0 || !this.loaded;
    this.more.hidden = !this.next;
  }

  fill(item, name, model) {
    const link = item.firstChild;
    if (this.selected === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    const { latest_version: newest, run_count: runs, visibility } = model;
    const ago = newest ? agoText(newest.created_at) : "";
    const key = JSON.stringify([newest?.id, ago, runs, visibility]);
    if (item.dataset.key === key) return;
    item.dataset.key = key;
    link.replaceChildren(
      el("span", { class: "card-head" }, el("span", { class: "card-title" }, name),
         el("span", { class: "tag" }, visibility)),
      el("span", { class: "card-note" },
         ...(newest ? ["newest version ", timeElement(newest.created_at, ago)]
           : ["no version yet"]),
         runs > 0 && ` · ${runs} ${runs === 1 ? "run" : "runs"}`));
  }
}
