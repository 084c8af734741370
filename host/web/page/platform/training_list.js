// All trainings, the newest first: looked at again and again while the page is seen.
import { announce, el } from "../dom.js";
import { pill } from "./pill.js";
import { PolledList, refill } from "./polled_list.js";
import { agoText, hasEnded, overallShare, statusText, stepText, timeElement } from "./wording.js";

const busy_ms = 2000;
const calm_ms = 10000;

export class TrainingList extends PolledList {
  constructor(client, onError) {
    super(client, onError, {
      path: "v1/trainings", more: "Show older ones", listId: "training-list", kind: "training-list",
      nothing: "No trainings yet. The first one begins with a few pictures." });
    this.trainings = new Map();  // id → training
  }

  pause() {
    const busy = [...this.trainings.values()].some((training) => !hasEnded(training));
    return busy ? busy_ms : calm_ms;
  }

  // Answers have no logs here; those of the training that is looked at tell how far it is.
  take(trainings) {
    for (const training of trainings) {
      const before = this.trainings.get(training.id);
      if (before && !hasEnded(before) && hasEnded(training)) {
        announce(`${training.model}: ${statusText(training.status)}`);
      }
      this.trainings.set(training.id, { ...training, logs: training.logs ?? before?.logs });
    }
  }

  show() {
    const sorted = [...this.trainings.values()]
      .sort((a, b) => b.created_at.localeCompare(a.created_at) || (a.id < b.id ? 1 : -1));
    this.arrange(sorted.map(({ id }) => id), (id) => `#/trainings/${encodeURIComponent(id)}`,
                 (item, id) => this.fill(item, this.trainings.get(id)));
  }

  fill(item, training) {
    const share = hasEnded(training) ? null : overallShare(training);
    const ago = agoText(training.created_at);
    const said = [training.status, training.failed_step, training.steps, share, ago];
    const running = (training.steps ?? []).find(({ status }) => status === "running");
    refill(item, this.selected === training.id, said, () => [
      el("span", { class: "card-head" }, el("span", { class: "card-title" }, training.model),
         pill(training.status)),
      el("span", { class: "card-note" }, timeElement(training.created_at, ago),
         this.note(training, running)),
      share !== null && meter(share)]);
  }

  note(training, running) {
    if (training.status === "failed" && training.failed_step) {
      return el("span", {}, ` · at “${stepText(training.failed_step)}”`);
    }
    return running ? el("span", {}, ` · ${stepText(running.name)}`) : null;
  }
}

// For the eye alone: what it shows is said in words beside it.
function meter(share) {
  const fill = el("span", { class: "meter-fill" });
  fill.style.setProperty("--share", `${(share * 100).toFixed(1)}%`);
  return el("span", { class: "meter", "aria-hidden": "true" }, fill);
}
