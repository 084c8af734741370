// A status as a coloured word.
import { el } from "../dom.js";
import { statusText } from "./wording.js";

export function pill(status) {
  return el("span", { class: "pill", data: { status } },
            el("span", { class: "dot", "aria-hidden": "true" }), statusText(status));
}
