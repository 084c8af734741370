// Watches how the server is and says so: a word at the top, and a notice with the set-up logs while
// it starts and when it could not.
import { announce, byId, el } from "./dom.js";
import { durationText } from "./progress.js";

const words = {
  UNKNOWN: "Connecting", STARTING: "Starting", READY: "Ready", BUSY: "Busy",
  SETUP_FAILED: "Set-up failed", UNHEALTHY: "Unhealthy", DEFUNCT: "Out of service",
  OFFLINE: "Not reachable",
};
const pauses_ms = { STARTING: 700, OFFLINE: 2000, SETUP_FAILED: 5000, BUSY: 3000 };

export class Health {
  // `onLook(status, before)` runs after every look.
  constructor(api, onLook) {
    this.api = api;
    this.onLook = onLook;
    this.status = "UNKNOWN";
    document.addEventListener("visibilitychange", () => this.look());
  }

  async look() {
    if (document.hidden && this.status !== "UNKNOWN") return;
    clearTimeout(this.timer);
    const turn = (this.turn = (this.turn ?? 0) + 1);
    let report = { status: "OFFLINE" };
    try {
      report = await this.api.health();
    } catch {
      // No answer is an answer.
    }
    if (turn !== this.turn) return;  // somebody has looked since
    this.show(report);
    this.timer = setTimeout(() => this.look(), pauses_ms[this.status] ?? 10000);
  }

  show(report) {
    const before = this.status;
    this.status = words[report.status] ? report.status : "UNKNOWN";
    byId("health").dataset.status = this.status;
    const text = words[this.status];
    if (byId("health-text").textContent !== text) byId("health-text").textContent = text;
    this.notice(report);
    this.onLook(this.status, before);
  }

  notice(report) {
    const box = byId("setup");
    const { setup = {}, user_healthcheck_error: trouble } = report;
    const texts = {
      STARTING: ["The model is being loaded", this.since(setup.started_at)],
      SETUP_FAILED: ["The model could not be set up",
                     "The server stays up, but cannot run predictions."],
      DEFUNCT: ["The model is out of service",
                "Its worker died again and again; the server has to be started anew."],
      UNHEALTHY: ["The model says that it is not well", trouble ?? ""],
      OFFLINE: ["The server does not answer", `Trying ${this.api.shown} again and again.`],
    }[this.status];
    box.hidden = !texts;
    if (!texts) return;
    box.className = `notice ${this.status === "STARTING" ? "calm" : "bad"}`;
    if (this.status !== "STARTING" && box.dataset.shown !== this.status) announce(texts[0]);
    const key = `${texts.join("|")}${setup.logs ?? ""}`;
    if (box.dataset.key === key) return;
    const open = box.querySelector("details")?.open ?? this.status === "SETUP_FAILED";
    box.dataset.key = key;
    box.dataset.shown = this.status;
    box.replaceChildren(...[
      el("p", { class: "notice-title" }, texts[0]), el("p", {}, texts[1]),
      setup.logs ? el("details", { open }, el("summary", {}, "Set-up logs"),
                      el("pre", { class: "logs", tabindex: "0", "aria-label": "Set-up logs" },
                         setup.logs)) : ""]);
  }

  since(time) {
    const seconds = (Date.now() - Date.parse(time)) / 1000;
    return seconds > 1 ? `For ${durationText(seconds)} so far.` : "";
  }
}
