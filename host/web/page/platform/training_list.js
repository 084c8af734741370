// All trainings, the newest first: looked at again and again while the page is seen.
import { announce, button, el } from "../dom.js";
import { pill } from "./pill.js";
import { agoText, hasEnded, overallShare, statusText, stepText, timeElement } from "./wording.js";

const busy_ms = 2000;
const calm_ms = 10000;

export class TrainingList {
  // `onStatus(text)`: what the list says of itself, "" when all is well.
  constructor(client, onError) {
    this.client = client;
    this.onError = onError;
    this.trainings = new Map();  // id → training
    this.next = null;
    this.list = el("ul", { class: "cards", id: "training-list" });
    this.more = button("Show older ones", { kind: "quiet small", hidden: true, on: {
      click: () => this.loadOlder() } });
    this.nothing = el("p", { class: "muted cards-empty", hidden: true },
                      "No trainings yet. The first one begins with a few pictures.");
    this.element = el("div", { class: "training-list" }, this.nothing, this.list, this.more);
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
      const page = await this.client.get("v1/trainings");
      this.take(page.results);
      if (this.loaded !== true) this.next = page.next;
      this.loaded = true;
      this.show();
      this.onError("");
    } catch (error) {
      if (error.status === 401) return;  // it starts again with another token
      this.onError(error.status ? error.message : "The platform does not answer");
    }
    if (!this.running) return;
    const busy = [...this.trainings.values()].some((training) => !hasEnded(training));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), busy ? busy_ms : calm_ms);
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

  async loadOlder() {
    try {
      const page = await this.client.get(this.next);
      this.take(page.results);
      this.next = page.next;
      this.show();
    } catch (error) {
      this.onError(error.message);
    }
  }

  select(id) {
    this.selected = id;
    this.show();
  }

  // Elements stay where they are and change what they say: the focus stays too.
  show() {
    const sorted = [...this.trainings.values()]
      .sort((a, b) => b.created_at.localeCompare(a.created_at) || (a.id < b.id ? 1 : -1));
    const known = new Map([...this.list.children].map((item) => [item.dataset.id, item]));
    sorted.forEach((training, i) => {
      const item = known.get(training.id) ?? this.item(training.id);
      this.fill(item, training);
      if (this.list.children[i] !== item) {
        this.list.insertBefore(item, this.list.children[i] ?? null);
      }
    });
    this.nothing.hidden = sorted.length > 0 || !this.loaded;
    this.more.hidden = this.next === null || this.next === undefined;
  }

  item(id) {
    return el("li", { data: { id } },
              el("a", { class: "card", href: `#/trainings/${encodeURIComponent(id)}` }));
  }

  fill(item, training) {
    const link = item.firstChild;
    const share = hasEnded(training) ? null : overallShare(training);
    const key = JSON.stringify([training.status, training.failed_step, training.steps, share,
                                agoText(training.created_at)]);
    if (this.selected === training.id) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (item.dataset.key === key) return;
    item.dataset.key = key;
    const running = (training.steps ?? []).find(({ status }) => status === "running");
    link.replaceChildren(...[
      el("span", { class: "card-head" }, el("span", { class: "card-title" }, training.model),
         pill(training.status)),
      el("span", { class: "card-note" }, timeElement(training.created_at,
                                                     agoText(training.created_at)),
         this.note(training, running)),
      share !== null && meter(share)].filter(Boolean));
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
