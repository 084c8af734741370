// The models that the account sees, those with the newest versions first.
import { el } from "../dom.js";
import { PolledList, refill } from "./polled_list.js";
import { agoText, timeElement } from "./wording.js";

const look_ms = 10000;

export class ModelList extends PolledList {
  constructor(client, onError) {
    super(client, onError, { path: "v1/models", more: "Show more",
                             nothing: "No models yet. A training makes one." });
    this.models = new Map();  // "owner/name" → model
  }

  pause() {
    return look_ms;
  }

  take(models) {
    for (const model of models) this.models.set(`${model.owner}/${model.name}`, model);
  }

  show() {
    const made = (name) => this.models.get(name).latest_version?.created_at ?? "";
    const names = [...this.models.keys()].sort((a, b) => made(b).localeCompare(made(a)));
    this.arrange(names, (name) => `#/models/${name}`, (item, name) => this.fill(item, name));
  }

  fill(item, name) {
    const { latest_version: newest, run_count: runs, visibility } = this.models.get(name);
    const ago = newest ? agoText(newest.created_at) : "";
    refill(item, this.selected === name, [newest?.id, ago, runs, visibility], () => [
      el("span", { class: "card-head" }, el("span", { class: "card-title" }, name),
         el("span", { class: "tag" }, visibility)),
      el("span", { class: "card-note" },
         ...(newest ? ["newest version ", timeElement(newest.created_at, ago)]
           : ["no version yet"]),
         runs > 0 && ` · ${runs} ${runs === 1 ? "run" : "runs"}`)]);
  }
}
