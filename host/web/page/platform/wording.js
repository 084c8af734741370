// Words and numbers of trainings, as people read them.
import { el } from "../dom.js";
import { sizeText } from "../files.js";
import { durationText, parseProgress, progressText, wholeText } from "../progress.js";

const statuses = {
  queued: "Queued", starting: "Starting", processing: "Training", pushing: "Publishing",
  succeeded: "Succeeded", failed: "Failed", canceled: "Canceled", aborted: "Aborted",
};
const steps = {
  train: "Train", fetch: "Fetch weights", build: "Build image", push: "Push image",
  webhook: "Tell the webhook",
};
const stepStatuses = {
  waiting: "Waiting", ready: "Next", running: "Running", succeeded: "Done", failed: "Failed",
  canceled: "Canceled",
};

export const statusText = (status) => statuses[status] ?? status;
export const stepText = (name) => steps[name] ?? name;
export const stepStatusText = (status) => stepStatuses[status] ?? status;
export const hasEnded = ({ status }) =>
  ["succeeded", "failed", "canceled", "aborted"].includes(status);

// From one time to another, or to now.
export function timeBetween(from, to = null) {
  const begin = Date.parse(from);
  const end = to ? Date.parse(to) : Date.now();
  return Number.isFinite(begin) ? Math.max(0, (end - begin) / 1000) : null;
}

// "2 min ago": units of the largest that counts.
export function agoText(time) {
  const seconds = timeBetween(time);
  if (seconds === null) return "";
  if (seconds < 45) return "just now";
  const units = [[60, "minute"], [3600, "hour"], [86400, "day"], [2592000, "month"],
                 [31536000, "year"]];
  const [size, unit] = units.findLast(([least]) => seconds >= least * 0.75) ?? units[0];
  return new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" })
    .format(-Math.max(1, Math.round(seconds / size)), unit);
}

export function timeElement(time, text) {
  return el("time", { datetime: time, title: new Date(time).toLocaleString() },
            text ?? new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
}

// How far a running step is: {share (null: not known), text}. The trainer tells by the lines it
// prints; the other steps by what the platform counts.
export function stepProgress(step, logs) {
  if (step.name === "train") {
    const line = (logs ?? "").trimEnd().split("\n").slice(-40).map(parseProgress)
      .findLast((found) => found !== null);
    if (line?.steps) return { share: line.step / line.steps, text: progressText(line) };
  }
  const { what = "", done = 0, total = 0 } = step.progress ?? {};
  const short = what.replace(/sha256:([0-9a-f]{12})[0-9a-f]+/g, "$1…");
  if (total > 0) {
    const sizes = `${sizeText(done)} of ${sizeText(total)}`;
    return { share: done / total, text: short ? `${short} · ${sizes}` : sizes };
  }
  return { share: null, text: short };
}

// "2 min 3 s"; of a running step the time so far.
export function stepTime(step) {
  if (!step.started_at || step.status === "waiting") return "";
  const ended = step.completed_at && !["running", "ready"].includes(step.status);
  if (ended) return durationText(timeBetween(step.started_at, step.completed_at));
  return step.status === "running" ? wholeText(Math.floor(timeBetween(step.started_at))) : "";
}

// Of a training as a whole: done or running steps of all.
export function overallShare(training) {
  if (training.status === "succeeded") return 1;
  const all = (training.steps ?? []).filter(({ name }) => name !== "webhook");
  if (all.length === 0) return null;
  const done = all.reduce((sum, step) => {
    if (step.status === "succeeded") return sum + 1;
    return step.status === "running" ? sum + (stepProgress(step, training.logs).share ?? 0) : sum;
  }, 0);
  return done / all.length;
}
