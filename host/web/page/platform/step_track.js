// The steps of a training as a track: what is done, how far the running one is, what went wrong.
import { announce, button, el, icon } from "../dom.js";
import { stepProgress, stepStatusText, stepText, stepTime } from "./wording.js";

const symbols = { succeeded: "check", failed: "close", canceled: "close" };

export class StepTrack {
  // `onAgain(step)`: the user wants that step run again.
  constructor(onAgain) {
    this.onAgain = onAgain;
    this.items = new Map();  // name → its elements
    this.element = el("ol", { class: "steps", "aria-label": "Steps" });
  }

  show(training, ended) {
    const steps = training.steps ?? [];
    this.element.hidden = steps.length === 0;
    for (const [i, step] of steps.entries()) {
      if (!this.items.has(step.name)) this.add(step, i);
      this.fill(this.items.get(step.name), step, training, ended);
    }
  }

  add(step, i) {
    const marker = el("span", { class: "step-marker", "aria-hidden": "true" }, String(i + 1));
    const status = el("span", { class: "step-status" });
    const time = el("span", { class: "step-time" });
    const bar = el("progress", { max: "1", "aria-label": `Progress: ${stepText(step.name)}`,
                                 hidden: true });
    const note = el("p", { class: "step-note" });
    const verb = step.name === "webhook" ? "Send again" : "Run again";
    const again = button(verb, { symbol: "redo", kind: "quiet small step-again", hidden: true,
                                 "aria-label": `${verb}: ${stepText(step.name)}`, on: {
      click: () => this.onAgain(step.name) } });
    const element = el("li", { class: "step" },
      el("div", { class: "step-head" }, marker, el("span", { class: "step-name" },
                                                   stepText(step.name))),
      el("p", { class: "step-state" }, status, time), bar, note, again);
    this.items.set(step.name, { element, marker, status, time, bar, note, again, number: i + 1 });
    this.element.append(element);
  }

  fill(item, step, training, ended) {
    const { element, marker, status, bar, note } = item;
    // What comes after a failure is canceled by nobody.
    const unreached = training.status === "failed" && step.status === "canceled";
    if (unreached) step = { ...step, status: "waiting" };
    if (element.dataset.status !== step.status) {
      const before = element.dataset.status;
      element.dataset.status = step.status;
      const symbol = symbols[step.status];
      marker.replaceChildren(symbol ? icon(symbol) : String(item.number));
      if (before) announce(`${stepText(step.name)}: ${stepStatusText(step.status)}`);
    }
    const tries = step.attempt > 1 && step.status !== "waiting" ? `, try ${step.attempt}` : "";
    write(status, unreached ? "Not reached" : stepStatusText(step.status) + tries);
    const running = step.status === "running";
    const { share, text } = running ? stepProgress(step, training.logs)
      : { share: null, text: "" };
    bar.hidden = !running;
    if (share === null) bar.removeAttribute("value");
    else bar.value = Math.min(1, share);
    // The error of a step that ended the training stands above, in full.
    const own = step.name === "webhook" || running || step.status === "ready" ? step.error : null;
    write(note, text || own || "");
    item.again.hidden = !ended || !["succeeded", "failed"].includes(step.status) ||
      step.name === training.failed_step;  // that has a button of its own
    this.tick(item, step);
  }

  tick(item, step) {
    write(item.time, stepTime(step));
  }

  // Running times go on between two changes.
  tickAll(training) {
    for (const step of training.steps ?? []) {
      const item = this.items.get(step.name);
      if (item) this.tick(item, step);
    }
  }
}

// Leaves an element alone that says that already: selections and screen readers thank for it.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
