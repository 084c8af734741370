// One prediction of a version, from the click to its end: followed by its server-sent events.
import { toWire } from "../files.js";
import { itemOf, readItem } from "../outputs.js";
import { parseProgress } from "../progress.js";
import { hasEnded } from "./wording.js";

const look_ms = 1500;

// `on` is told as by Run of the playground. `done` resolves to the prediction, also to a failed or
// canceled one; it rejects with Refused or another Error if there is none.
export class Prediction {
  constructor(client, version, input, on) {
    Object.assign(this, { client, on, logs: "", wanted: true, id: null });
    this.done = this.run(version, input).finally(() => this.over());
  }

  async run(version, input) {
    this.on.sending();
    const made = await this.client.post("v1/predictions", { version, input: await toWire(input) });
    this.id = made.id;
    if (!this.wanted) this.cancel();
    this.on.queued();
    const { urls } = made;
    const ended = new Promise((resolve) => { this.resolve = resolve; });
    if (urls.stream) this.follow(this.client.address(urls.stream));
    this.look();
    return ended;
  }

  follow(url) {
    const source = new EventSource(url);
    this.source = source;
    source.addEventListener("logs", ({ data }) => {
      this.logs += data;
      this.start();
      for (const line of data.split("\n")) {
        const progress = parseProgress(line);
        if (progress) this.on.progress(progress);
      }
      this.on.log(this.logs);
    });
    source.addEventListener("output", ({ data }) => {
      this.start();
      this.on.output(data);
    });
    source.addEventListener("done", () => {
      source.close();
      this.look();
    });
  }

  start() {
    if (!this.started) this.on.started({ streamed: true });
    this.started = true;
  }

  // The state is asked for as well: the events say nothing of a host that is being started, and a
  // stream may break off.
  async look() {
    clearTimeout(this.timer);
    let prediction = null;
    try {
      prediction = await this.client.get(`v1/predictions/${encodeURIComponent(this.id)}`);
    } catch (error) {
      if (error.status === 404) prediction = { id: this.id, status: "canceled", logs: this.logs };
    }
    if (prediction && hasEnded(prediction)) return this.resolve(prediction);
    if (prediction?.status === "processing") this.start();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), look_ms);
  }

  cancel() {
    this.wanted = false;
    if (!this.id) return;
    this.client.post(`v1/predictions/${encodeURIComponent(this.id)}/cancel`)
      .then(() => this.look(), () => {});
  }

  over() {
    this.source?.close();
    clearTimeout(this.timer);
  }
}

// One item of an output as a thing to show; files that lie on the platform are fetched, so that
// they can be shown and kept.
export async function readPlatformItem(client, item) {
  if (typeof item !== "string" || item.startsWith("data:")) return readItem(item);
  const address = /^https?:\/\//.test(item) ? client.address(item) : item;
  if (!address.startsWith(client.root)) return readItem(item);
  const response = await fetch(address);
  if (!response.ok) return readItem(item);
  return itemOf(await response.blob());
}
