// Cards of what the API lists: the first page is looked at again and again while it is seen, the
// next ones when they are asked for.
import { button, el } from "../dom.js";

// The one above has take(results), which keeps them, show(), and pause() in milliseconds.
export class PolledList {
  // `onError(text)`: what the list says of itself, "" when all is well.
  constructor(client, onError, { path, more, nothing, listId, kind }) {
    Object.assign(this, { client, onError, path, next: null, loaded: false });
    this.list = el("ul", { class: "cards", id: listId });
    this.more = button(more, { kind: "quiet small", hidden: true, on: {
      click: () => this.loadMore() } });
    this.nothing = el("p", { class: "muted cards-empty", hidden: true }, nothing);
    this.element = el("div", { class: kind }, this.nothing, this.list, this.more);
    document.addEventListener("visibilitychange", () => this.look());
  }

  start() {
    this.running = true;
    return this.look();
  }

  stop() {
    this.running = false;
    clearTimeout(this.timer);
  }

  async look() {
    clearTimeout(this.timer);
    if (!this.running || document.hidden) return;
    try {
      const page = await this.client.get(this.path);
      if (!this.loaded) this.next = page.next;
      this.loaded = true;
      this.take(page.results);
      this.show();
      this.onError("");
    } catch (error) {
      if (error.status === 401) return;  // it starts again with another token
      this.onError(error.status ? error.message : "The platform does not answer");
    }
    clearTimeout(this.timer);
    if (this.running) this.timer = setTimeout(() => this.look(), this.pause());
  }

  async loadMore() {
    try {
      const page = await this.client.get(this.next);
      this.next = page.next;
      this.take(page.results);
      this.show();
    } catch (error) {
      this.onError(error.message);
    }
  }

  select(key) {
    this.selected = key;
    this.show();
  }

  // Cards in the order of `keys`: they stay where they are and change what they say, so the focus
  // stays too. `fill(card, key)` gives one its words.
  arrange(keys, hrefOf, fill) {
    const known = new Map([...this.list.children].map((item) => [item.dataset.key, item]));
    keys.forEach((key, i) => {
      const item = known.get(key) ?? el("li", { data: { key } }, el("a", { class: "card",
                                                                         href: hrefOf(key) }));
      fill(item, key);
      if (this.list.children[i] !== item) {
        this.list.insertBefore(item, this.list.children[i] ?? null);
      }
    });
    this.nothing.hidden = keys.length > 0 || !this.loaded;
    this.more.hidden = !this.next;
  }
}

// Gives a card its words where `said` tells that they have changed.
export function refill(item, isSelected, said, words) {
  const link = item.firstChild;
  if (isSelected) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  const text = JSON.stringify(said);
  if (item.dataset.said === text) return;
  item.dataset.said = text;
  link.replaceChildren(...words().filter(Boolean));
}
