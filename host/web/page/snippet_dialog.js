// The present request as code, to be copied.
import { announce, button, copyText, el, uniqueId } from "./dom.js";
import { openDialog } from "./dialog.js";

// `languages`: [[name, () => text]].
export function showSnippets(languages) {
  const tabs = [];
  const code = el("code", {});
  const copy = button("Copy", { symbol: "copy", kind: "primary" });
  const panel = el("pre", { class: "code", role: "tabpanel", tabindex: "0", id: uniqueId("code") },
                   code);
  const choose = (chosen) => {
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === chosen));
      tab.tabIndex = i === chosen ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", tabs[chosen].id);
    code.textContent = languages[chosen][1]();
    remember(chosen);
  };
  languages.forEach(([name], i) => {
    const tab = el("button", { type: "button", role: "tab", id: uniqueId("tab"), class: "tab",
                               "aria-controls": panel.id }, name);
    tab.addEventListener("click", () => choose(i));
    tabs.push(tab);
  });
  const bar = el("div", { role: "tablist", class: "tabs", "aria-label": "Language" }, tabs);
  bar.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    const next = (tabs.indexOf(document.activeElement) + move + tabs.length) % tabs.length;
    choose(next);
    tabs[next].focus();
  });
  copy.addEventListener("click", async () => {
    const done = await copyText(code.textContent);
    copy.lastChild.textContent = done ? "Copied" : "Select and copy by hand";
    announce(done ? "Copied" : "The browser does not let this page copy");
    setTimeout(() => { copy.lastChild.textContent = "Copy"; }, 2000);
  });
  openDialog("The same request as code", { class: "snippets" }, bar, panel,
             el("div", { class: "dialog-actions" },
                el("p", { class: "muted" },
                   "Files are read by their names from the folder it runs in."), copy));
  const first = Math.min(languages.length - 1, remembered());
  choose(first);
  tabs[first].focus();
}

function remember(index) {
  try {
    localStorage.setItem("dream-language", String(index));
  } catch {
    // Then it begins with curl the next time.
  }
}

function remembered() {
  try {
    return Number(localStorage.getItem("dream-language")) || 0;
  } catch {
    return 0;
  }
}
