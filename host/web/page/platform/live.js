// One training as it happens: its state once, then the server-sent events that the platform has of
// it. EventSource connects again by itself and says where it was.

export class LiveTraining {
  // `onChange(training)` after each change; `onError(text)`, "" when all is well again.
  constructor(client, id, onChange, onError) {
    Object.assign(this, { client, id, onChange, onError, training: null, source: null });
    this.closed = false;
  }

  async open() {
    try {
      await this.load();
    } catch (error) {
      if (this.closed || error.status === 401) return;
      this.onError(error.status === 404 ? "There is no such training" : error.message);
      if (error.status !== 404) this.timer = setTimeout(() => this.open(), 3000);
      return;
    }
    this.follow();
  }

  async load() {
    this.take(await this.client.get(`v1/trainings/${encodeURIComponent(this.id)}`));
    this.onError("");
  }

  take(training) {
    if (this.closed) return;
    this.training = training;
    this.onChange(training);
  }

  // To be called again after a retry, which opens what had ended.
  follow() {
    this.source?.close();
    clearTimeout(this.timer);
    const { training } = this;
    if (this.closed || !this.goesOn(training)) return;
    const url = training.urls?.stream;
    if (!url || training.completed_at) {  // the webhook alone goes on: it has no stream
      this.timer = setTimeout(() => this.again(), 2000);
      return;
    }
    let logs = "";
    const source = new EventSource(this.client.address(url));
    this.source = source;
    source.addEventListener("logs", ({ data }) => {
      logs += data;
      // The stream begins at the beginning: until it has caught up, what is shown is longer.
      if (logs.length >= (this.training.logs ?? "").length) this.take({ ...this.training, logs });
    });
    source.addEventListener("status", ({ data }) => {
      const before = this.training.status;
      this.take({ ...this.training, ...JSON.parse(data) });
      // The event has not all that changes with it.
      if (this.training.status !== before) this.load().catch(() => {});
    });
    source.addEventListener("done", () => {
      source.close();
      this.again();
    });
    // An event of that name of the platform has data; the browser's own says that it reconnects.
    source.addEventListener("error", (event) => {
      if (event.data === undefined && source.readyState === EventSource.CLOSED) {
        this.timer = setTimeout(() => this.again(), 3000);
      } else if (event.data === undefined) {
        this.onError("The connection broke off; trying again");
      }
    });
    source.addEventListener("open", () => this.onError(""));
  }

  goesOn({ status, steps }) {
    if (!["succeeded", "failed", "canceled", "aborted"].includes(status)) return true;
    return steps?.some(({ name, status: its }) =>
      name === "webhook" && ["running", "waiting"].includes(its)) ?? false;
  }

  async again() {
    if (!this.closed) await this.open();
  }

  close() {
    this.closed = true;
    this.source?.close();
    clearTimeout(this.timer);
  }
}
