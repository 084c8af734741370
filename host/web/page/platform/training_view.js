// One training: its steps, what came of it, its logs; cancel and retry.
import { announce, button, copyText, el, icon } from "../dom.js";
import { confirmed } from "../dialog.js";
import { logsPane } from "../logs_pane.js";
import { durationText, wholeText } from "../progress.js";
import { LiveTraining } from "./live.js";
import { pill } from "./pill.js";
import { StepTrack, write } from "./step_track.js";
import { hasEnded, stepText, timeBetween, timeElement } from "./wording.js";

export class TrainingView {
  // `onChange(training)`: the list shows it, too.
  constructor(client, id, onChange) {
    this.client = client;
    this.onChange = onChange;
    this.track = new StepTrack((step) => this.again(step));
    this.logs = logsPane("", true);
    this.title = el("h2", { class: "view-title", tabindex: "-1" }, "Training");
    this.status = el("span");
    this.actions = el("div", { class: "button-row" });
    this.facts = el("p", { class: "facts" });
    this.trouble = el("div", { class: "notice bad", role: "alert", hidden: true });
    this.failure = el("div", { role: "alert" });
    this.result = el("div");
    this.settings = el("div");
    this.element = el("article", { class: "training" },
      el("a", { class: "back", href: "#/trainings" }, icon("back"), "All trainings"),
      el("div", { class: "view-head" }, this.title, this.status, this.actions),
      this.facts, this.trouble, this.failure, this.track.element, this.result,
      this.logs.element, this.settings);
    this.live = new LiveTraining(client, id, (training) => this.show(training),
                                 (text) => this.complain(text));
    this.keys = new Map();
  }

  open() {
    this.clock = setInterval(() => this.tick(), 1000);
    return this.live.open();
  }

  close() {
    clearInterval(this.clock);
    this.live.close();
  }

  complain(text) {
    this.trouble.hidden = text === "";
    write(this.trouble, text);
  }

  // Builds a part anew only when what it shows has changed.
  renew(part, key, make) {
    const text = JSON.stringify(key);
    if (this.keys.get(part) === text) return;
    this.keys.set(part, text);
    const focused = part.contains(document.activeElement);
    part.replaceChildren(...[make()].flat().filter(Boolean));
    if (focused) (part.querySelector("button, a") ?? this.title).focus();
  }

  show(training) {
    const ended = hasEnded(training);
    this.training = training;
    write(this.title, training.model ?? "Training");
    this.renew(this.status, training.status, () => pill(training.status));
    this.renew(this.actions, [training.status, training.failed_step], () =>
      this.buttons(training, ended));
    this.renew(this.failure, [training.error, training.failed_step, training.status], () =>
      failureOf(training));
    this.renew(this.result, [training.status, training.output], () => this.outcome(training));
    this.renew(this.settings, training.input, () => this.inputs(training));
    this.renew(this.facts, [training.id, training.created_at, training.status], () =>
      this.factsOf(training));
    this.track.show(training, ended);
    if (this.shownLogs !== training.logs) this.logs.write(training.logs ?? "");
    this.shownLogs = training.logs;
    this.tick();
    this.onChange(training);
  }

  tick() {
    if (!this.training) return;
    this.track.tickAll(this.training);
    const { created_at, completed_at } = this.training;
    const took = this.facts.querySelector(".took");
    const seconds = timeBetween(created_at, completed_at) ?? 0;
    if (took) {
      write(took, hasEnded(this.training) ? `took ${durationText(seconds)}`
        : `for ${wholeText(Math.floor(seconds))}`);
    }
  }

  factsOf(training) {
    const copy = button(`Copy the id ${training.id}`, { symbol: "copy", only: true, on: {
      click: () => tellCopied(training.id) } });
    return [timeElement(training.created_at), el("span", { class: "took" }),
            training.trainer_version &&
              el("span", {}, `trainer ${short(training.trainer_version)}`),
            training.template_version &&
              el("span", {}, `template ${short(training.template_version)}`),
            el("span", { class: "identity" }, el("code", {}, training.id), copy)];
  }

  buttons(training, ended) {
    if (!ended) {
      return button("Cancel", { kind: "danger small", on: { click: () => this.cancel() } });
    }
    if (training.status === "succeeded" || !training.urls?.retry) return null;
    const from = training.failed_step;
    return button(from ? `Try again from “${stepText(from)}”` : "Try again",
                  { kind: "primary small", symbol: "redo", on: { click: () => this.again() } });
  }

  outcome(training) {
    const { version, weights } = training.output ?? {};
    if (training.status !== "succeeded" || !version) return null;
    return el("div", { class: "panel success" },
      el("p", { class: "notice-title" }, `${training.model} has a new version`),
      el("p", { class: "identity" }, el("code", {}, version),
         button("Copy the version", { symbol: "copy", only: true, on: {
           click: () => tellCopied(version) } })),
      el("div", { class: "button-row" },
         el("a", { class: "primary small", href: `#/models/${version.replace(":", "/")}` },
            icon("sliders"), "Try it"),
         weights && el("a", { class: "quiet small", href: this.client.address(weights),
                              download: "output.zip" }, icon("download"), "Download the weights"),
         training.input?.instance_prompt && el("a", { class: "quiet small",
           href: `#/new?from=${encodeURIComponent(training.id)}` }, icon("redo"),
           "Train again with these settings")));
  }

  inputs(training) {
    const rows = Object.entries(training.input ?? {}).map(([name, value]) => {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      const file = /\/files\/[^/]+\/([^/]+)$/.exec(text);
      const shown = file
        ? el("a", { href: this.client.address(text), download: file[1] }, file[1]) : text;
      return el("div", {}, el("dt", {}, name), el("dd", {}, shown));
    });
    if (training.notes) {
      rows.push(el("div", {}, el("dt", {}, "notes"), el("dd", {}, training.notes)));
    }
    return rows.length > 0 &&
      el("details", { class: "pane" }, el("summary", {}, "Inputs"), el("dl", {}, rows));
  }

  async cancel() {
    if (!await confirmed("Cancel the training", "What it has done so far is lost.",
                         "Cancel the training")) return;
    await this.act("cancel", undefined, "Canceling");
  }

  async again(step) {
    const anew = step === "train" || step === "fetch";
    if (anew && this.training.status === "succeeded" &&
        !await confirmed("Train again", "The training begins anew, and all later steps with it.",
                         "Train again")) return;
    await this.act("retry", step ? { step } : undefined, "Trying again");
  }

  async act(what, body, said) {
    try {
      this.live.take(await this.client.post(
        `v1/trainings/${encodeURIComponent(this.training.id)}/${what}`, body));
      announce(said);
      this.complain("");
      this.live.follow();
    } catch (error) {
      this.complain(error.message);
    }
  }
}

function failureOf({ status, error, failed_step: step }) {
  if (status !== "failed") return null;
  return el("div", { class: "notice bad" },
            el("p", { class: "notice-title" },
               step ? `The step “${stepText(step)}” failed` : "The training failed"),
            el("p", { class: "message" }, error ?? "No reason is known."));
}

const short = (version) => /^[0-9a-f]{20,}$/.test(version) ? version.slice(0, 12) : version;

async function tellCopied(text) {
  announce(await copyText(text) ? "Copied" : "The browser does not let this page copy");
}
