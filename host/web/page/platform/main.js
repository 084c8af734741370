// The platform's page as a whole: which view the address names, and who is signed in.
import { announce, byId } from "../dom.js";
import { setUpTheme } from "../theme_toggle.js";
import { Client } from "./client.js";
import { NewTraining } from "./new_training.js";
import { signInView } from "./sign_in.js";
import { emptyDetail, TrainingList } from "./training_list.js";
import { TrainingView } from "./training_view.js";

class Page {
  constructor() {
    this.client = new Client((retry) => this.signIn(retry));
    this.list = new TrainingList(this.client, (text) => this.complain(text));
    this.view = null;
    byId("list").append(this.list.element);
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
    const [area = "trainings", id] = parts;
    this.view?.close?.();
    this.view = null;
    this.list.select(area === "trainings" ? id : undefined);
    this.list.start();
    if (area === "new") {
      this.open(new NewTraining(this.client, (training) => this.made(training)),
                query.get("from"), "New training", moved);
    } else if (area === "trainings" && id) {
      this.open(new TrainingView(this.client, id, (training) => this.seen(training)), undefined,
                "Training", moved);
    } else {
      document.body.dataset.view = "list";
      byId("detail").replaceChildren(emptyDetail());
      this.name("Trainings");
    }
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
    this.list.take([training]);
    this.list.show();
    this.name(training.model);
  }

  made(training) {
    announce("The training has begun");
    this.list.take([training]);
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
    this.list.stop();
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

setUpTheme();
new Page().start();
