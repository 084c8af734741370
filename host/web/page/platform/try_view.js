// The playground of one version: its form, a run, what was made before with it.
import { announce, button, el } from "../dom.js";
import { Form } from "../form.js";
import { Gallery } from "../gallery.js";
import { History } from "../history.js";
import { readOutput } from "../outputs.js";
import { joinsOutput, readFields } from "../schema.js";
import { announceEnd, bringIntoView, ratioOf, recordOf } from "../stage.js";
import { showSnippets } from "../snippet_dialog.js";
import { Viewer } from "../viewer.js";
import { platformCurl, platformJavaScript, platformPython } from "./client_snippets.js";
import { Prediction, readPlatformItem } from "./prediction.js";

// Until a version has run somewhere, its inputs may be known to nobody.
const anyInputs = { name: "input", kind: "json", title: "Inputs", required: false, nullable: true,
                    hasDefault: false, description: "As JSON, such as {\"prompt\": \"a fox\"}. " +
                      "The version tells its fields once it has run." };

export class TryView {
  // `name`: "owner/name"; `version` as the API has it.
  constructor(client, name, version) {
    Object.assign(this, { client, name, version, run: null });
    this.generate = el("button", { type: "submit", class: "primary", title: "Ctrl + Enter",
                                   "aria-keyshortcuts": "Control+Enter" }, "Generate");
    this.stop = button("Cancel", { kind: "danger", hidden: true, on: {
      click: () => this.cancel() } });
    this.others = [
      button("Reset", { title: "Every input back to its default", on: {
        click: () => {
          this.form.reset();
          announce("Every input is back to its default");
        } } }),
      button("Code", { title: "The same request with curl or an official client", on: {
        click: () => this.showCode() } })];
    this.fields = el("div", { class: "fields" });
    const form = el("form", { class: "panel try-form", novalidate: true, autocomplete: "off",
                              "aria-label": "Prediction" },
      el("div", { class: "notice bad", id: "form-error", role: "alert", tabindex: "-1",
                  hidden: true }),
      this.fields,
      el("div", { class: "button-row form-actions" }, this.generate, this.stop, this.others));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.start();
    });
    this.stage = el("div", { class: "try-stage" });
    this.element = el("div", { class: "try" }, form,
      el("div", { class: "try-results" },
         el("section", { class: "stage", id: "stage", tabindex: "-1", "aria-label": "Result" },
            this.stage),
         el("section", { class: "gallery", "aria-labelledby": "gallery-title" },
            el("div", { class: "gallery-head" },
               el("h3", { id: "gallery-title" }, "Gallery"),
               el("p", { class: "muted", id: "gallery-note" }),
               button("Delete all", { kind: "quiet small", id: "gallery-clear", hidden: true })),
            el("ul", { class: "grid", id: "gallery" }))));
  }

  // Once the element is on the page.
  async open() {
    this.build();
    this.history = new History(`${this.client.root}${this.name}`);
    this.gallery = new Gallery(this.history, (record, index) => this.show(record, index));
    this.viewer = new Viewer(this.stage, {
      use: (record, item) => this.use(record, item),
      usePicture: (blob) => this.paste([blob]),
      takesPicture: () => this.form.takesPicture,
      remove: (record) => this.remove(record),
    });
    await this.history.load();
    if (this.element.isConnected) this.gallery.show();
  }

  build() {
    const known = readFields(this.document);
    this.knowsFields = known.length > 0;
    this.form = new Form(this.knowsFields ? known : [anyInputs],
                         `dream-draft ${this.name}${this.knowsFields ? "" : " json"}`);
    this.fields.replaceChildren(this.form.element);
  }

  get document() {
    return this.version.openapi_schema ?? {};
  }

  // What to send, or null after the form has said what is wrong.
  collect() {
    const input = this.form.collect();
    if (!input || this.knowsFields) return input;
    const all = input.input ?? {};
    if (typeof all === "object" && !Array.isArray(all)) return all;
    this.form.showProblems([{ path: ["input"], text: "An object is needed: { … }" }]);
    return null;
  }

  // After a run the fields are known.
  async learnFields(input) {
    if (this.knowsFields) return;
    const path = [...this.name.split("/"), "versions", this.version.id].map(encodeURIComponent);
    this.version = await this.client.get(`v1/models/${path.join("/")}`);
    if (!this.element.isConnected || readFields(this.document).length === 0) return;
    this.build();
    this.form.fill(input);
  }

  async start() {
    if (this.run) return;
    const input = this.collect();
    if (!input) return;
    const started = performance.now();
    const view = this.viewer.running({ ratio: ratioOf(input),
                                       joined: joinsOutput(this.document) });
    this.busy(true);
    bringIntoView(this.stage.parentElement);
    this.run = new Prediction(this.client, this.version.id, input, this.reporter(view));
    try {
      const prediction = await this.run.done;
      this.viewer.over();
      await this.learnFields(input).catch(() => {});  // the next run asks again
      await this.finish(prediction, input, (performance.now() - started) / 1000);
    } catch (error) {
      this.viewer.over();
      this.fail(error);
    } finally {
      this.run = null;
      this.busy(false);
    }
  }

  reporter(view) {
    let told = 0;
    return {
      sending: () => view.say("Sending …"),
      queued: () => view.say("Waiting for a host that runs this version …"),
      started: () => {
        view.say("Working …");
        announce("Started");
      },
      progress: (now) => {
        view.progress(now);
        if (!now.steps) return;
        const quarter = Math.floor((now.step / now.steps) * 4);
        if (quarter > told && quarter < 4) announce(`${quarter * 25} per cent`);
        told = Math.max(told, quarter);
      },
      output: async (item) => view.output(await readPlatformItem(this.client, item)),
      log: (logs) => view.logs(logs),
    };
  }

  async finish(prediction, input, seconds) {
    const { status, output, logs, error } = prediction;
    if (status === "failed" || status === "aborted") {
      return this.viewer.failure("The prediction failed", error ?? "", logs ?? "");
    }
    const items = await readOutput(output, {
      joined: joinsOutput(this.document), logs, input,
      read: (item) => readPlatformItem(this.client, item) });
    if (status === "canceled" && items.length === 0) {
      this.viewer.empty();
      return announce("Canceled");
    }
    const record = await this.history.add(recordOf(prediction, {
      template: this.name, input, form: this.form, items, seconds }));
    if (!this.element.isConnected) return;
    this.show(record);
    announceEnd(prediction, seconds);
  }

  // A field that is refused says so itself.
  fail(error) {
    const problems = (error.fields ?? []).filter(({ field }) => field.startsWith("input."))
      .map(({ field, detail }) => ({ path: field.split(".").slice(1),
                                     text: detail.replace(`${field}: `, "") }));
    if (problems.length === 0) {
      return this.viewer.failure("The prediction could not be run", error.message);
    }
    this.viewer.empty();
    this.form.showProblems(problems);
  }

  busy(on) {
    const focused = document.activeElement === this.stop;
    this.generate.setAttribute("aria-disabled", String(on));
    this.generate.textContent = on ? "Generating …" : "Generate";
    this.stop.hidden = !on;
    for (const one of this.others) one.hidden = on;
    if (focused && !on) this.generate.focus();
  }

  cancel() {
    announce("Canceling");
    this.run?.cancel();
  }

  show(record, index = 0) {
    if (this.run && !record?.items) return;
    if (record) this.viewer.result(record, index);
    else this.viewer.empty();
    this.gallery.show(record?.id ?? null);
    if (record) bringIntoView(this.stage.parentElement);
  }

  use(record, item) {
    const input = { ...record.input };
    if (!this.knowsFields) {
      this.form.fill({ input });
      return this.generate.focus();
    }
    if (this.form.kindOf("seed") && Number.isInteger(item?.seed)) input.seed = item.seed;
    this.form.fill(input);
    announce("The form has the settings of this result");
    this.generate.focus();
  }

  paste([file]) {
    if (!file?.type.startsWith("image/")) return;
    if (!this.form?.givePicture(file)) announce("This version takes no picture");
  }

  async remove(record) {
    this.gallery.forget(record);
    await this.history.remove(record.id);
    this.show(null);
    announce("Deleted");
    this.stage.parentElement.focus();
  }

  showCode() {
    const input = this.collect();
    if (!input) return;
    const secrets = new Set(Object.keys(input).filter((n) => this.form.kindOf(n) === "secret"));
    const version = `${this.name}:${this.version.id}`;
    const { root } = this.client;
    showSnippets([["curl", () => platformCurl(root, version, input, secrets)],
                  ["Python", () => platformPython(root, version, input, secrets)],
                  ["JavaScript", () => platformJavaScript(root, version, input, secrets)]]);
  }

  // A run goes on without us; what it makes is not lost to the API.
  close() {
    this.run?.over();
    this.form?.keepDraft();
  }
}
