// Modal dialogs on the browser's own <dialog>: it traps the focus, closes at Escape and gives the
// focus back.
import { button, el, uniqueId } from "./dom.js";

// Result: {element, close(), ended (a promise), closed}.
export function openDialog(title, attributes, ...children) {
  const id = uniqueId("dialog");
  const shut = button("Close", { symbol: "close", only: true });
  const element = el("dialog", { ...attributes, "aria-labelledby": id },
    el("div", { class: "dialog-head" }, el("h2", { id }, title), shut),
    el("div", { class: "dialog-body" }, children));
  const handle = { element, closed: false, close: () => element.close() };
  handle.ended = new Promise((resolve) => {
    element.addEventListener("close", () => {
      handle.closed = true;
      element.remove();
      resolve();
    });
  });
  shut.addEventListener("click", handle.close);
  element.addEventListener("click", (event) => {
    if (event.target === element && attributes.class !== "mask") handle.close();  // the backdrop
  });
  document.body.append(element);
  element.showModal();
  return handle;
}

// Asks before what cannot be undone.
export async function confirmed(title, text, verb) {
  let yes = false;
  const go = button(verb, { kind: "danger" });
  const stay = button("Keep", { kind: "quiet" });
  const dialog = openDialog(title, { class: "ask" }, el("p", {}, text),
                            el("div", { class: "dialog-actions" }, stay, go));
  go.addEventListener("click", () => {
    yes = true;
    dialog.close();
  });
  stay.addEventListener("click", dialog.close);
  stay.focus();
  await dialog.ended;
  return yes;
}
