// One model: its versions, and the chosen one to be tried.
import { announce, button, copyText, el, icon } from "../dom.js";
import { TryView } from "./try_view.js";
import { agoText, timeElement } from "./wording.js";

const short = (id) => id.slice(0, 12);

export class ModelView {
  // `choose(id)`: another version is wanted.
  constructor(client, name, version, choose) {
    Object.assign(this, { client, name, wanted: version, choose, playground: null });
    this.title = el("h2", { class: "view-title", tabindex: "-1" }, name);
    this.facts = el("p", { class: "facts" });
    this.trouble = el("div", { class: "notice bad", role: "alert", hidden: true });
    this.chooser = el("div", { class: "version-row" });
    this.body = el("div", {});
    this.element = el("article", { class: "training model-view" },
      el("a", { class: "back", href: "#/models" }, icon("back"), "All models"),
      el("div", { class: "view-head" }, this.title),
      this.facts, this.trouble, this.chooser, this.body);
  }

  async open() {
    const path = `v1/models/${this.name.split("/").map(encodeURIComponent).join("/")}`;
    try {
      const [model, page] = await Promise.all(
        [this.client.get(path), this.client.get(`${path}/versions`)]);
      const versions = page.results;
      let version = versions.find(({ id }) => id === this.wanted) ?? null;
      if (this.wanted && !version) {
        version = await this.client.get(`${path}/versions/${encodeURIComponent(this.wanted)}`);
        versions.push(version);
      }
      if (!this.element.isConnected) return;
      this.show(model, versions, version ?? versions[0]);
    } catch (error) {
      if (error.status === 401) return;
      this.trouble.hidden = false;
      this.trouble.textContent = error.status === 404
        ? (this.wanted ? "There is no such version" : "There is no such model") : error.message;
    }
  }

  async show(model, versions, version) {
    this.facts.replaceChildren(...[
      el("span", {}, model.visibility),
      el("span", {}, `${versions.length} ${versions.length === 1 ? "version" : "versions"}`),
      model.description && el("span", {}, model.description)].filter(Boolean));
    if (!version) {
      this.body.replaceChildren(el("div", { class: "empty" }, icon("image"),
        el("p", { class: "empty-title" }, "This model has no version yet"),
        el("p", { class: "muted" }, "A training that names it makes one"),
        el("a", { class: "primary", href: "#/new" }, "Begin with pictures")));
      return;
    }
    this.showVersions(versions, version);
    this.playground = new TryView(this.client, this.name, version);
    this.body.replaceChildren(this.playground.element);
    await this.playground.open();
  }

  showVersions(versions, version) {
    const select = el("select", { id: "version" }, versions.map((one, i) =>
      el("option", { value: one.id },
         `${short(one.id)} · ${agoText(one.created_at)}${i === 0 ? " · newest" : ""}`)));
    select.value = version.id;
    select.addEventListener("change", () => this.choose(select.value));
    const full = `${this.name}:${version.id}`;
    this.chooser.replaceChildren(...[
      el("label", { class: "label", for: "version" }, "Version"), select,
      button("Copy the version", { symbol: "copy", only: true, on: {
        click: async () => announce(await copyText(full) ? "Copied"
          : "The browser does not let this page copy") } }),
      el("span", { class: "muted" }, timeElement(version.created_at),
         version.template && ` · template ${version.template}`,
         version.notes && ` · ${version.notes}`)].filter(Boolean));
  }

  paste(files) {
    this.playground?.paste(files);
  }

  close() {
    this.playground?.close();
  }
}
