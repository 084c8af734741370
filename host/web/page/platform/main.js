// The platform's page as a whole: which view the address names, and who is signed in.
import { announce, byId, el, icon } from "../dom.js";
import { setUpTheme } from "../theme_toggle.js";
import { Client } from "./client.js";
import { ModelList } from "./model_list.js";
import { ModelView } from "./model_view.js";
import { NewTraining } from "./new_training.js";
import { signInView } from "./sign_in.js";
import { TrainingList } from "./training_list.js";
import { TrainingView } from "./training_view.js";

class Page {
  constructor() {
    this.client = new Client((retry) => this.signIn(retry));
    this.lists = {
      trainings: new TrainingList(this.client, (text) => this.complain(text)),
      models: new ModelList(this.client, (text) => this.complain(text)),
    };
    this.view = null;
  }

  start() {
    window.addEventListener("hashchange", () => this.route(true));
    window.addEventListener("pagehide", () => this.view?.close?.());
    window.addEventListener("dragover", (event) => event.preventDefault());
    window.addEventListener("drop", (event) => {
      event.preventDefault();  // what misses its place must not replace the page
      this.view?.paste?.([...event.dataTransfer.files]);
    });
    document.addEventListener("paste", (event) => {
      const files = [...event.clipboardData?.files ?? []];
      if (files.length === 0 || !this.view?.paste || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      this.view.paste(files);
    });
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault();  // the part behind "#" is the view's
      byId("detail").focus();
    });
    byId("sign-out").addEventListener("click", () => {
      this.client.setToken("");
      location.reload();
    });
    this.route(false);
  }

  // "#/trainings/ID?from=X" → {parts: ["trainings", "ID"], query}.
  where() {
    const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    return { parts: path.split("/").filter(Boolean).map(decodeURIComponent),
             query: new URLSearchParams(query) };
  }

  route(moved) {
    if (this.signing) return;
    byId("sign-out").hidden = this.client.token === "";
    const { parts, query } = this.where();
    const [area = "trainings", ...rest] = parts;
    this.view?.close?.();
    this.view = null;
    const name = area === "models" ? rest.slice(0, 2).join("/") : rest[0];
    this.showList(area === "models" ? "models" : "trainings", area === "new" ? undefined : name);
    if (area === "new") {
      this.open(new NewTraining(this.client, (training) => this.made(training)),
                query.get("from"), "New training", moved);
    } else if (area === "models" && rest.length >= 2) {
      this.open(new ModelView(this.client, name, rest[2], (version) => {
        location.hash = `#/models/${name}/${version}`;
      }), undefined, name, moved);
    } else if (area === "trainings" && name) {
      this.open(new TrainingView(this.client, name, (training) => this.seen(training)), undefined,
                "Training", moved);
    } else {
      document.body.dataset.view = "list";
      byId("detail").replaceChildren(emptyDetail(area));
      this.name(area === "models" ? "Models" : "Trainings");
    }
  }

  // The list of that area, with what is chosen of it.
  showList(area, chosen) {
    const titles = { trainings: "Trainings", models: "Models" };
    for (const [other, list] of Object.entries(this.lists)) if (other !== area) list.stop();
    for (const link of document.querySelectorAll(".areas a")) {
      if (link.dataset.area === area) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    byId("list-title").textContent = titles[area];
    const list = this.lists[area];
    if (list.element.parentElement !== byId("list")) {
      byId("list").replaceChildren(list.element);
      this.complain("");
    }
    list.select(chosen);
    list.start();
  }

  open(view, argument, title, moved) {
    this.view = view;
    document.body.dataset.view = "detail";
    byId("detail").replaceChildren(view.element);
    this.name(title);
    view.open(argument);
    if (moved) {
      window.scrollTo(0, 0);
      view.title.focus({ preventScroll: true });
    }
  }

  name(title) {
    document.title = `${title} · dream platform`;
  }

  seen(training) {
    this.lists.trainings.take([training]);
    this.lists.trainings.show();
    this.name(training.model);
  }

  made(training) {
    announce("The training has begun");
    this.lists.trainings.take([training]);
    location.hash = `#/trainings/${encodeURIComponent(training.id)}`;
  }

  complain(text) {
    const box = byId("trouble");
    box.hidden = text === "";
    if (box.textContent !== text) box.textContent = text;
  }

  // The platform wants a token, or another one.
  signIn(retry) {
    if (this.signing) return;
    this.signing = true;
    this.client.setToken("");
    for (const list of Object.values(this.lists)) list.stop();
    this.view?.close?.();
    document.body.dataset.view = "gate";
    this.name("Sign in");
    const view = signInView(retry, (token) => {
      this.signing = false;
      this.client.setToken(token);
      this.route(true);
    });
    byId("detail").replaceChildren(view.element);
    view.focus();
  }
}

function emptyDetail(area) {
  const [title, note] = area === "models"
    ? ["Try what you have trained", "Choose a model to make pictures with it, or train another one"]
    : ["From a few pictures to a model of your own",
       "Choose a training to see how it goes, or begin a new one"];
  return el("div", { class: "empty" }, icon("image"), el("p", { class: "empty-title" }, title),
            el("p", { class: "muted" }, note),
            el("a", { class: "primary", href: "#/new" }, "Begin with pictures"));
}

setUpTheme();
new Page().start();
