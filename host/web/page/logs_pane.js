// Logs that fold away, and follow their end for whoever looks at it.
import { el } from "./dom.js";
import { foldProgress } from "./progress.js";

// Result: {element, write(text)}.
export function logsPane(logs, open = false) {
  const pane = el("pre", { class: "logs", tabindex: "0", role: "log", "aria-live": "off",
                           "aria-label": "Logs" }, foldProgress(logs));
  const element = el("details", { class: "pane", open, hidden: logs === "" },
                     el("summary", {}, "Logs"), pane);
  return { element, write: (text) => {
    element.hidden = text === "";
    const atEnd = pane.scrollTop + pane.clientHeight > pane.scrollHeight - 30;
    pane.textContent = foldProgress(text);
    if (atEnd) pane.scrollTop = pane.scrollHeight;
  } };
}
