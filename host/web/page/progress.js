// How far a run has come, from progress events or from the tqdm-like lines that models print.

const bar = /(?:^|[\s:])(\d+)%\|[^|]*\|\s*([\d.]+)([kM]?)\/([\d.]+)([kM]?)\s*\[([^\]]*)\]/;
const factors = { "": 1, k: 1e3, M: 1e6 };

function seconds(clock) {
  const parts = clock.split(":").map(Number);
  return parts.some(Number.isNaN) ? null : parts.reduce((total, part) => total * 60 + part, 0);
}

// " 24%|██▍ | 12/50 [00:03<00:10,  3.60it/s]" → {step, steps, elapsed_s, left_s, rate}; null for
// any other line.
export function parseProgress(line) {
  const found = bar.exec(line.split("\r").filter(Boolean).pop() ?? "");
  if (!found) return null;
  const [elapsed, rest = ""] = found[6].split("<");
  const [left, speed = ""] = rest.split(",");
  const rate = /([\d.]+)\s*(it\/s|s\/it)/.exec(speed);
  return {
    step: Number(found[2]) * factors[found[3]],
    steps: Number(found[4]) * factors[found[5]],
    elapsed_s: seconds(elapsed.trim()),
    left_s: seconds(left.trim()),
    rate: rate ? (rate[2] === "it/s" ? Number(rate[1]) : 1 / Number(rate[1])) : null,
  };
}

// From a progress event: rate and time left follow from what has passed.
export function fromEvent({ step, steps, elapsed_s }) {
  const rate = elapsed_s > 0 && step > 0 ? step / elapsed_s : null;
  return { step, steps, elapsed_s, rate, left_s: rate && steps ? (steps - step) / rate : null };
}

export function durationText(total) {
  if (total === null || total === undefined || !Number.isFinite(total)) return "";
  return total < 9.95 ? `${total.toFixed(1)} s` : wholeText(Math.round(total));
}

export function wholeText(whole) {
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// "Step 12 of 50 · 3.6 it/s · about 11 s left"
export function progressText({ step, steps, rate, left_s }) {
  const parts = [steps ? `Step ${step} of ${steps}` : `Step ${step}`];
  if (rate) parts.push(rate >= 1 ? `${rate.toFixed(1)} it/s` : `${(1 / rate).toFixed(1)} s/it`);
  if (left_s !== null && left_s !== undefined && step < steps) {
    parts.push(`about ${wholeText(Math.max(1, Math.round(left_s)))} left`);
  }
  return parts.join(" · ");
}

// Logs for people: of a run of progress lines only the last one, as a terminal would show it.
export function foldProgress(logs) {
  const lines = [];
  for (const line of logs.split("\n")) {
    const shown = line.split("\r").filter(Boolean).pop() ?? "";
    if (lines.length > 0 && parseProgress(shown) && parseProgress(lines[lines.length - 1])) {
      lines[lines.length - 1] = shown;
    } else {
      lines.push(shown);
    }
  }
  return lines.join("\n");
}
