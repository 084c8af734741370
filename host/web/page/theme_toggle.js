// Light, dark, or as the system has it.
import { announce, byId, icon } from "./dom.js";

const order = ["auto", "light", "dark"];
const symbols = { auto: "auto", light: "sun", dark: "moon" };
const names = { auto: "as the system", light: "light", dark: "dark" };

export function setUpTheme() {
  const root = document.documentElement;
  const toggle = byId("theme");
  const show = () => {
    const now = root.dataset.theme ?? "auto";
    toggle.replaceChildren(icon(symbols[now]));
    toggle.setAttribute("aria-label", `Theme: ${names[now]}`);
    toggle.title = `Theme: ${names[now]}`;
  };
  toggle.addEventListener("click", () => {
    const now = order[(order.indexOf(root.dataset.theme ?? "auto") + 1) % order.length];
    if (now === "auto") delete root.dataset.theme;
    else root.dataset.theme = now;
    try {
      localStorage.setItem("dream-theme", now);
    } catch {
      // It lasts as long as the page then.
    }
    show();
    announce(`Theme: ${names[now]}`);
  });
  show();
}
