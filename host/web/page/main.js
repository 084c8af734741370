// The page as a whole: which template, its form, the run in progress, the gallery.
import { Api } from "./api.js";
import { announce, byId, el } from "./dom.js";
import { Form } from "./form.js";
import { Gallery } from "./gallery.js";
import { Health } from "./health.js";
import { History } from "./history.js";
import { readItem, readOutput } from "./outputs.js";
import { InvalidInput, Run } from "./run.js";
import { joinsOutput, readFields } from "./schema.js";
import { announceEnd, bringIntoView, ratioOf, recordOf } from "./stage.js";
import { showSnippets } from "./snippet_dialog.js";
import { asCurl, asJavaScript, asPython } from "./snippets.js";
import { setUpTheme } from "./theme_toggle.js";
import { Viewer } from "./viewer.js";

class Page {
  constructor(api) {
    this.api = api;
    this.templates = [];
    this.template = null;
    this.form = null;
    this.run = null;
    this.history = new History(api.shown);
    this.gallery = new Gallery(this.history, (record, index) => this.open(record, index));
    this.viewer = new Viewer(byId("viewer"), {
      use: (record, item) => this.use(record, item),
      usePicture: (blob) => this.usePicture(blob),
      takesPicture: () => this.form?.takesPicture ?? false,
      remove: (record) => this.remove(record),
    });
    this.health = new Health(api, (status, before) => this.onHealth(status, before));
  }

  async start() {
    this.listen();
    this.health.look();
    await this.history.load();
    this.gallery.show();
  }

  listen() {
    byId("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.generate();
    });
    byId("form").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.generate();
    });
    byId("cancel").addEventListener("click", () => this.cancel());
    byId("reset").addEventListener("click", () => {
      this.form.reset();
      announce("Every input is back to its default");
    });
    byId("code").addEventListener("click", () => this.showCode());
    byId("template").addEventListener("change", (event) => this.choose(event.target.value));
    document.addEventListener("paste", (event) => this.paste(event));
    window.addEventListener("pagehide", () => this.form?.keepDraft());
    window.addEventListener("dragover", (event) => event.preventDefault());
    window.addEventListener("drop", (event) => {
      event.preventDefault();  // a file that misses its place must not replace the page
      const file = event.dataTransfer.files[0];
      if (file?.type.startsWith("image/")) this.usePicture(file);
    });
  }

  // A server that was away may come back with other templates.
  onHealth(status, before) {
    const away = ["STARTING", "UNKNOWN", "OFFLINE", "SETUP_FAILED"];
    if (away.includes(status) || this.loading || this.run) return;
    if (!this.form || away.includes(before)) this.loadTemplates();
  }

  async loadTemplates() {
    this.loading = true;
    try {
      const all = await this.api.templates();
      this.templates = all.filter((template) => template.openapi);
      byId("form-error").hidden = true;
    } catch (error) {
      return this.complain(`The templates cannot be listed: ${error.message}`);
    } finally {
      this.loading = false;
    }
    if (this.templates.length === 0) return;
    const select = byId("template");
    const names = this.templates.map(({ name }) => name);
    select.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
    select.closest(".model").hidden = this.templates.length < 2;
    const wanted = this.template?.name ?? new URLSearchParams(location.search).get("template");
    this.choose(names.includes(wanted) ? wanted : names[0]);
  }

  complain(text) {
    byId("form-error").textContent = text;
    byId("form-error").hidden = false;
  }

  choose(name) {
    const values = this.form?.values() ?? null;
    this.template = this.templates.find((template) => template.name === name);
    byId("template").value = name;
    byId("about").textContent = this.template.description;
    byId("about").hidden = this.template.description === "";
    this.form = new Form(readFields(this.template.openapi), `dream-draft ${this.api.shown}${name}`);
    byId("fields").replaceChildren(this.form.element);
    byId("actions").hidden = false;
    if (values) this.form.adopt(values);
    if (this.templates.length > 1) {
      const url = new URL(location.href);
      url.searchParams.set("template", name);
      window.history.replaceState(null, "", url);
    }
  }

  async generate() {
    if (!this.form || this.run) return;
    const input = this.form.collect();
    if (!input) return;
    const started = performance.now();
    const { form, template } = this;
    this.gallery.show();
    const view = this.viewer.running({ ratio: ratioOf(input),
                                       joined: joinsOutput(template.openapi) });
    this.setRunning(true);
    bringIntoView(byId("stage"));
    try {
      this.run = new Run(this.api, template, input, this.reporter(view));
      const prediction = await this.run.done;
      this.viewer.over();
      await this.finish(prediction, input, template, (performance.now() - started) / 1000);
    } catch (error) {
      this.viewer.over();
      this.fail(error, form);
    } finally {
      this.run = null;
      this.setRunning(false);
      this.health.look();
    }
  }

  reporter(view) {
    let told = 0;
    return {
      sending: () => view.say("Sending …"),
      waiting: () => {
        view.say("The server is busy with another prediction: waiting for a free slot …");
        if (told !== -1) announce("Waiting for a free slot");
        told = -1;
      },
      queued: () => view.say("Waiting for the model …"),
      started: ({ streamed }) => {
        view.say(streamed ? "Working …" : "Working … (this server tells no progress)");
        announce("Started");
        told = 0;
        this.health.look();
      },
      progress: (now) => {
        view.progress(now);
        if (!now.steps) return;
        const share = now.step / now.steps;
        document.title = `${Math.round(share * 100)} % · dream`;
        const quarter = Math.floor(share * 4);
        if (quarter > told && quarter < 4) announce(`${quarter * 25} per cent`);
        told = Math.max(told, quarter);
      },
      preview: (url) => view.preview(url),
      output: async (chunk) => view.output(await readItem(chunk)),
      log: (logs) => view.logs(logs),
    };
  }

  async finish(prediction, input, template, seconds) {
    const { status, output, logs, error } = prediction;
    const items = await readOutput(output, { joined: joinsOutput(template.openapi), logs, input });
    if (status === "failed") return this.viewer.failure("The prediction failed", error ?? "", logs);
    if (status === "canceled" && items.length === 0) {
      this.viewer.empty();
      return announce("Canceled");
    }
    const record = await this.history.add(recordOf(prediction, {
      template: template.name, input, form: this.form, items, seconds }));
    this.open(record);
    announceEnd(prediction, seconds);
  }

  fail(error, form) {
    if (error instanceof InvalidInput) {
      this.viewer.empty();
      form.showDetail(error.detail);
    } else if (error.status === 503) {
      this.viewer.failure("The server is not ready", error.message);
    } else {
      this.viewer.failure("The prediction could not be run", error.message, this.run?.logs ?? "");
    }
  }

  setRunning(running) {
    const cancel = byId("cancel");
    const focused = document.activeElement === cancel;
    byId("generate").setAttribute("aria-disabled", String(running));
    byId("generate").firstChild.textContent = running ? "Generating …" : "Generate";
    cancel.hidden = !running;
    cancel.disabled = false;
    if (focused && !running) byId("generate").focus();
    if (!running) document.title = "dream";
  }

  cancel() {
    if (!this.run) return;
    byId("cancel").setAttribute("aria-disabled", "true");
    announce("Canceling");
    this.run.cancel();
  }

  open(record, index = 0) {
    if (this.run && !record?.items) return;
    if (record) this.viewer.result(record, index);
    else this.viewer.empty();
    this.gallery.show(record?.id ?? null);
    if (record) bringIntoView(byId("stage"));
  }

  use(record, item) {
    if (record.template !== this.template.name &&
        this.templates.some(({ name }) => name === record.template)) this.choose(record.template);
    const input = { ...record.input };
    if (this.form.kindOf("seed") && Number.isInteger(item?.seed)) input.seed = item.seed;
    this.form.fill(input);
    announce("The form has the settings of this result");
    byId("generate").focus();
  }

  usePicture(blob) {
    const title = this.form?.givePicture(blob);
    if (!title) announce("This template takes no picture");
  }

  async remove(record) {
    this.gallery.forget(record);
    await this.history.remove(record.id);
    this.open(null);
    announce("Deleted");
    byId("stage").focus();
  }

  paste(event) {
    const files = [...event.clipboardData?.files ?? []];
    const file = files.find(({ type }) => type.startsWith("image/"));
    if (!file || !this.form || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.usePicture(file);
  }

  showCode() {
    const input = this.form.collect();
    if (!input) return;
    const secrets = new Set(Object.keys(input).filter((n) => this.form.kindOf(n) === "secret"));
    const url = `${this.api.shown}${this.template.prefix}predictions`;
    showSnippets([["curl", () => asCurl(url, input, secrets)],
                  ["Python", () => asPython(url, input, secrets)],
                  ["JavaScript", () => asJavaScript(url, input, secrets)]]);
  }
}

async function main() {
  setUpTheme();
  let api;
  try {
    api = await Api.connect();
  } catch (error) {
    byId("setup").hidden = false;
    byId("setup").className = "notice bad";
    byId("setup").textContent = `The page cannot reach its server: ${error.message}`;
    return;
  }
  if (api.shown !== api.root) {
    byId("target").hidden = false;
    byId("target").textContent = api.shown;
  }
  await new Page(api).start();
}

main();
