// The stage: nothing yet, a run in progress, what went wrong, or a result of the gallery.
import { announce, button, copyText, el, icon } from "./dom.js";
import { logsPane } from "./logs_pane.js";
import { extensionOf, save, sizeText } from "./files.js";
import { durationText, progressText } from "./progress.js";
import { urlOf } from "./blob_urls.js";

export const titleOf = (record) => record.input.prompt ?? Object.values(record.input)
  .find((value) => typeof value === "string" && value !== "") ?? record.template ?? "a prediction";

const altOf = (record, item) =>
  `${titleOf(record)}${item.seed !== null && item.seed !== undefined ? `, seed ${item.seed}` : ""}`;

// `actions`: use(record), usePicture(blob) or null, remove(record), code(record).
export class Viewer {
  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    this.live = null;  // the elements of the run in progress
    this.empty();
  }

  // The run in progress has come to its end.
  over() {
    this.live = null;
  }

  show(...children) {
    this.root.replaceChildren(...children.filter(Boolean));
  }

  empty() {
    this.show(el("div", { class: "empty" }, icon("image"),
                 el("p", { class: "empty-title" }, "What you make appears here"),
                 el("p", { class: "muted" }, "Fill in the form, then press ",
                    el("kbd", {}, "Ctrl"), " ", el("kbd", {}, "Enter"))));
  }

  // Result: what a run tells while it goes on.
  running({ ratio = 1, joined = false } = {}) {
    const preview = el("img", { class: "preview", hidden: true,
                                alt: "Preview of the picture being drawn" });
    const waiting = el("div", { class: "breath", "aria-hidden": "true" });
    const frame = el("div", { class: "frame" }, waiting, preview);
    frame.style.aspectRatio = String(ratio);
    frame.style.setProperty("--ratio", String(ratio));
    const bar = el("progress", { "aria-label": "Progress", max: "1" });
    const text = el("p", { class: "progress-text", id: "progress-text" }, "Sending …");
    const done = el("div", { class: "strip" });
    const written = el("div", { class: "text-output", hidden: true });
    const logs = logsPane("");
    this.live = [frame, written, el("div", { class: "progress" }, bar, text), done, logs.element];
    this.show(...this.live);
    return {
      say: (what) => {
        text.textContent = what;
        bar.removeAttribute("value");
      },
      progress: (now) => {
        text.textContent = progressText(now);
        if (now.steps) bar.value = now.step / now.steps;
      },
      preview: (url) => {
        preview.src = url;
        preview.hidden = false;
        waiting.hidden = true;
      },
      output: (item) => {
        if (item.kind === "text") {
          frame.hidden = true;
          written.hidden = false;
          written.append(item.text + (joined ? "" : "\n"));
        }
        if (item.kind !== "picture") return;
        done.append(el("img", { src: urlOf(item.blob), alt: "A finished picture" }));
      },
      logs: logs.write,
    };
  }

  failure(title, message, logs = "") {
    this.show(el("div", { class: "notice bad failure", role: "alert" },
                 el("p", { class: "notice-title" }, title), el("p", { class: "message" }, message)),
              logsPane(logs, true).element);
  }

  // One record, its item `chosen` in full.
  result(record, chosen = 0) {
    const item = record.items[chosen];
    const children = record.items.length === 0
      ? [el("p", { class: "muted pane" }, "The model gave nothing back.")]
      : [this.shownItem(record, item), this.strip(record, chosen)];
    this.show(this.backToRun(), ...children, this.actionRow(record, item, chosen),
              this.facts(record, item), this.settings(record), logsPane(record.logs ?? "").element);
  }

  backToRun() {
    if (!this.live) return null;
    const back = button("Show the run in progress", { kind: "quiet small" });
    back.addEventListener("click", () => this.show(...this.live));
    return el("div", { class: "button-row result-actions" }, back);
  }

  shownItem(record, item) {
    if (item.kind === "picture") {
      const picture = el("img", { src: urlOf(item.blob), alt: altOf(record, item),
                                  class: "picture" });
      picture.addEventListener("load", () => {
        const note = this.root.querySelector(".size-fact");
        if (note) note.textContent = `${picture.naturalWidth} × ${picture.naturalHeight}`;
        frame.style.setProperty("--ratio", String(picture.naturalWidth / picture.naturalHeight));
        frame.style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`;
      });
      const frame = el("div", { class: "frame" }, picture);
      return frame;
    }
    if (item.kind === "text") return el("div", { class: "text-output", tabindex: "0" }, item.text);
    if (item.kind === "link") {
      return el("p", { class: "pane" }, "The server put the result at ",
                el("a", { href: item.url, target: "_blank", rel: "noopener noreferrer" },
                   item.url));
    }
    if (item.kind === "file") {
      return el("p", { class: "pane" },
                `A file of ${sizeText(item.blob.size)} (${item.blob.type || "no type"})`);
    }
    return el("pre", { class: "text-output code", tabindex: "0" },
              JSON.stringify(item.value, null, 2));
  }

  strip(record, chosen) {
    if (record.items.length < 2) return null;
    const tabs = record.items.map((item, i) => {
      const shown = item.kind === "picture"
        ? el("img", { src: urlOf(item.blob), alt: altOf(record, item) }) : `Result ${i + 1}`;
      const tab = el("button", { type: "button", class: "thumb",
                                 "aria-pressed": String(i === chosen) }, shown);
      tab.addEventListener("click", () => {
        this.result(record, i);
        this.root.querySelectorAll(".strip .thumb")[i].focus();
      });
      return tab;
    });
    return el("div", { class: "strip", role: "group", "aria-label": "Results of this run" }, tabs);
  }

  actionRow(record, item, chosen) {
    const { actions } = this;
    const copyable = item && ["text", "value", "link"].includes(item.kind);
    return el("div", { class: "button-row result-actions" },
      button("Use these settings", { symbol: "sliders", on: {
        click: () => actions.use(record, item) } }),
      item?.kind === "picture" && actions.takesPicture() &&
        button("Use as image", { symbol: "image", on: {
          click: () => actions.usePicture(
            new File([item.blob], this.fileName(record, item, chosen),
                     { type: item.blob.type })) } }),
      item?.blob && button("Download", { symbol: "download", on: {
        click: () => save(item.blob, this.fileName(record, item, chosen)) } }),
      copyable && button("Copy", { symbol: "copy", on: {
        click: async () => {
          const text = item.text ?? item.url ?? JSON.stringify(item.value, null, 2);
          announce(await copyText(text) ? "Copied" : "The browser does not let this page copy");
        } } }),
      button("Delete", { symbol: "trash", on: { click: () => actions.remove(record) } }));
  }

  fileName(record, item, index) {
    const stem = Number.isInteger(item.seed) ? `seed-${item.seed}`
      : `${record.id.slice(0, 8)}-${index}`;
    return `${stem}.${extensionOf(item.blob.type)}`;
  }

  facts(record, item) {
    const { metrics = {} } = record;
    const seed = item?.seed;
    return el("p", { class: "facts" }, [
      item?.kind === "picture" && el("span", { class: "size-fact" }),
      Number.isInteger(seed) && el("span", {}, `seed ${seed}`),
      metrics.steps && el("span", {}, `${metrics.steps} steps`),
      metrics.predict_time && el("span", {}, durationText(metrics.predict_time)),
      el("time", { datetime: new Date(record.created).toISOString() },
         new Date(record.created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })),
    ]);
  }

  settings(record) {
    const rows = Object.entries(record.input).map(([name, value]) => {
      const text = value instanceof Blob ? value.name ?? "a file"
        : typeof value === "string" ? value : JSON.stringify(value);
      return el("div", {}, el("dt", {}, name), el("dd", {}, text));
    });
    if (record.template) {
      rows.unshift(el("div", {}, el("dt", {}, "template"), el("dd", {}, record.template)));
    }
    return el("details", { class: "pane" }, el("summary", {}, "Settings"), el("dl", {}, rows));
  }
}
