// What the playground of a template and that of a version do around a run.
import { announce } from "./dom.js";
import { durationText } from "./progress.js";

// Of the picture to come, as far as the inputs tell.
export function ratioOf(input) {
  const ratio = Number(input.width) / Number(input.height);
  return Number.isFinite(ratio) && ratio > 0 ? ratio : 1;
}

// On a narrow screen the stage lies below the form; in a long gallery one is far below the stage.
export function bringIntoView(stage) {
  const { top } = stage.getBoundingClientRect();
  if (top >= 0 && top < innerHeight * 0.6) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  stage.scrollIntoView({ behavior: calm ? "instant" : "smooth", block: "start" });
}

// For the history, which secrets never get into.
export function recordOf(prediction, { template, input, form, items, seconds }) {
  const { id, status, logs, metrics } = prediction;
  const kept = Object.fromEntries(Object.entries(input)
    .filter(([name]) => form.kindOf(name) !== "secret"));
  return { id, template, created: Date.now(), input: kept, status, items, logs: logs ?? "",
           metrics: { ...metrics, predict_time: metrics?.predict_time ?? seconds } };
}

export function announceEnd({ status }, seconds) {
  announce(status === "canceled" ? "Canceled; what was finished is kept"
    : `Done in ${durationText(seconds)}`);
}
