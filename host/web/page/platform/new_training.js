// The form that starts a training: pictures are packed here and uploaded, then it is asked for.
import { announce, button, el, icon } from "../dom.js";
import { Form } from "../form.js";
import { newId } from "../run.js";
import { PicturesControl } from "./pictures_control.js";
import { trainingFields } from "./training_fields.js";
import { zipOf } from "./zip.js";

class TrainingForm extends Form {
  control(field, id, labelId) {
    if (field.kind === "pictures") return new PicturesControl(field, id, labelId);
    const control = super.control(field, id, labelId);
    if (field.placeholder) control.labelable.placeholder = field.placeholder;
    return control;
  }
}

export class NewTraining {
  // `done(training)`: it was made.
  constructor(client, done) {
    this.client = client;
    this.done = done;
    this.uploads = new Map();  // File, or the JSON of several → {url}
    this.title = el("h2", { class: "view-title", tabindex: "-1" }, "New training");
    this.fields = el("div", { class: "fields" });
    this.error = el("div", { class: "notice bad", id: "form-error", role: "alert", tabindex: "-1",
                             hidden: true });
    this.bar = el("progress", { max: "1", "aria-label": "Progress" });
    this.said = el("p", { class: "progress-text" });
    this.work = el("div", { class: "progress", hidden: true }, this.bar, this.said);
    this.submit = el("button", { type: "submit", class: "primary" }, "Start training");
    this.check = button("Check only", { title: "Everything is checked, nothing is started",
                                        on: { click: () => this.send(true) } });
    this.stop = button("Cancel", { kind: "danger", hidden: true, on: {
      click: () => this.abort?.abort(new Error("Canceled")) } });
    const form = el("form", { class: "panel new-training", novalidate: true, autocomplete: "off",
                              "aria-label": "New training" },
      this.error, this.fields, this.work,
      el("div", { class: "button-row form-actions" }, this.submit, this.check, this.stop));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(false);
    });
    this.element = el("article", { class: "training" },
      el("a", { class: "back", href: "#/trainings" }, icon("back"), "All trainings"),
      this.title,
      el("p", { class: "muted" },
         "A model learns what your pictures show, and becomes a version with an API."),
      form);
  }

  // `from`: the id of a training whose settings are taken over.
  async open(from) {
    try {
      const [trainers, templates] = await Promise.all(
        [this.client.get("v1/trainers"), this.client.get("v1/templates")]);
      this.trainers = trainers.results;
      this.templates = templates.results;
      const like = from ? await this.client.get(`v1/trainings/${encodeURIComponent(from)}`) : null;
      await this.choose(this.knownTrainer(like?.trainer_version));
      if (like && this.form) this.fillFrom(like);
    } catch (error) {
      if (error.status !== 401) this.complain(error.message);
    }
  }

  knownTrainer(name) {
    const all = this.trainers;
    return (all.find((one) => one.name === name) ?? all.find((one) => one.default) ?? all[0])?.name;
  }

  async choose(trainer) {
    const values = this.form?.values() ?? null;
    const described = trainer === undefined ? {}
      : await this.client.get(`v1/trainers/${encodeURIComponent(trainer)}`);
    if (!this.element.isConnected) return;  // the user is elsewhere by now
    const { fields, fold } = trainingFields(described.openapi_schema,
      { trainers: this.trainers, templates: this.templates, trainer });
    this.form = new TrainingForm(fields, `dream-training-draft ${trainer}`, fold);
    if (values) this.form.adopt(values);
    const choice = this.form.entries.get("trainer_version")?.control.labelable;
    this.form.entries.get("trainer_version")?.control.write(trainer);
    choice?.addEventListener("change", async () => {
      const wanted = this.form.entries.get("trainer_version").control.read();
      await this.choose(wanted);
      this.form.entries.get("trainer_version").control.focus();
    });
    this.fields.replaceChildren(this.form.element);
  }

  fillFrom(training) {
    const values = { model: training.model, notes: training.notes,
                     webhook_completed: training.webhook_completed };
    for (const [name, value] of Object.entries(training.input ?? {})) {
      values[`input.${name}`] = value;
    }
    for (const [name, value] of Object.entries(values)) {
      const entry = this.form.entries.get(name);
      if (entry && entry.field.kind !== "secret" && value !== null) entry.control.write(value);
    }
  }

  paste(files) {
    [...this.form?.entries.values() ?? []].find(({ field }) => field.kind === "pictures")
      ?.control.take(files);
  }

  complain(text) {
    this.error.hidden = text === "";
    this.error.textContent = text;
    if (text) this.error.focus();
  }

  busy(on) {
    for (const one of [this.submit, this.check]) {
      one.setAttribute("aria-disabled", String(on));
      one.hidden = on;
    }
    this.stop.hidden = !on;
    this.work.hidden = !on;
    if (on) this.stop.focus();
  }

  say(text, share = null) {
    if (this.said.textContent !== text) this.said.textContent = text;
    if (share === null) this.bar.removeAttribute("value");
    else this.bar.value = share;
  }

  async send(dry) {
    if (!this.form || this.abort) return;
    const values = this.form.collect();
    if (!values) return;
    this.abort = new AbortController();
    this.busy(true);
    let outcome = null;
    try {
      const body = await this.bodyOf(values);
      this.say(dry ? "Checking …" : "Starting …");
      const text = JSON.stringify(body);
      if (this.sent?.text !== text) this.sent = { text, key: newId() };
      outcome = await this.client.post("v1/trainings", dry ? { ...body, dry_run: true } : body, {
        signal: this.abort.signal,
        // Asked twice, as after a connection that broke off, it is one training.
        headers: dry ? {} : { "idempotency-key": this.sent.key },
      });
    } catch (error) {
      this.abort.signal.aborted ? announce("Canceled") : this.refused(error);
    } finally {
      this.abort = null;
      const focused = [this.stop, document.body].includes(document.activeElement);
      this.busy(false);
      if (focused) (dry ? this.check : this.submit).focus();
    }
    if (!outcome) return;
    if (dry) return this.checked();
    this.form.reset();  // what was sent is no draft any more
    this.done(outcome);
  }

  checked() {
    this.error.hidden = true;
    this.work.hidden = false;
    this.bar.value = 1;
    this.said.textContent = "All is well: this training can be started.";
    announce(this.said.textContent);
  }

  // Each refused field says what is wrong with it.
  refused(error) {
    const problems = (error.fields ?? []).map(({ field, detail }) => ({
      path: [this.entryOf(field)], text: detail.replace(`${field}: `, "") }));
    this.form.showProblems(problems.length > 0 ? problems : [{ path: [], text: error.message }]);
  }

  // The longest name of an entry that the field's begins with: "input.images.0" is of its list.
  entryOf(field) {
    const names = [...this.form.entries.keys()];
    return names.filter((name) => field === name || field.startsWith(`${name}.`))
      .sort((a, b) => b.length - a.length)[0] ?? field;
  }

  async bodyOf(values) {
    const body = { input: {} };
    for (const [name, value] of Object.entries(values)) {
      const { field } = this.form.entries.get(name);
      const sent = await this.uploaded(field, value);
      if (field.input) body.input[field.input] = sent;
      else body[name] = sent;
    }
    return body;
  }

  // Files become the URLs under which trainers fetch them; what was uploaded once stays.
  async uploaded(field, value) {
    if (Array.isArray(value)) {
      return Promise.all(value.map((item) => this.uploaded(field, item)));
    }
    if (value instanceof Blob) return this.upload(value, value, value.name ?? "file");
    if (field.kind !== "pictures") return value;
    if (value.link) return value.link;
    if (value.zip) return this.upload(value.zip, value.zip, value.zip.name);
    const known = [...this.uploads.keys()].find((key) => Array.isArray(key) &&
      key.length === value.files.length && key.every((file, i) => file === value.files[i]));
    if (known) return this.uploads.get(known);
    this.say(`Packing ${value.files.length} pictures …`);
    const zip = await zipOf(value.files.map((file) => ({ name: file.name, blob: file })));
    return this.upload(value.files, zip, `${field.input}.zip`);
  }

  async upload(key, blob, name) {
    if (this.uploads.has(key)) return this.uploads.get(key);
    this.say(`Uploading ${name} …`, 0);
    const url = await this.client.upload(blob, name, (share) =>
      this.say(`Uploading ${name}: ${Math.round(share * 100)} %`, share), this.abort.signal);
    this.uploads.set(key, url);
    return url;
  }

  close() {
    this.abort?.abort(new Error("Canceled"));
    clearTimeout(this.form?.draftTimer);
    this.form?.keepDraft();
  }
}
