// One prediction from the click to its end: over SSE where the server can, else as one answer.
// Waits for a free slot where others are being served.
import { HttpError } from "./api.js";
import { readEvents } from "./event_stream.js";
import { toWire } from "./files.js";
import { fromEvent, parseProgress } from "./progress.js";

const retry_ms = 1000;

// The server says which inputs are wrong: detail is its list of {loc, msg}.
export class InvalidInput extends Error {
  constructor(detail) {
    super("The server does not take these inputs");
    this.detail = detail;
  }
}

// 26 characters of base32, as Cog's clients make them.
export function newId() {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  const bytes = crypto.getRandomValues(new Uint8Array(26));
  return Array.from(bytes, (byte) => letters[byte & 31]).join("");
}

// What the schema says; a server may still answer 406.
const streams = (openapi) => openapi.paths?.["/predictions"]?.post?.["x-cog-streaming"] === true;

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

// `on` is told: sending(), waiting(), queued(), started({streamed}), progress({step, steps, …}),
// preview(url), output(item, index), log(text). `done` resolves to the prediction, also to a failed
// or canceled one; it rejects with InvalidInput or another Error if there is none.
export class Run {
  constructor(api, template, input, on) {
    this.id = newId();
    this.api = api;
    this.template = template;
    this.on = on;
    this.logs = "";
    this.outputs = [];
    this.abort = new AbortController();
    this.accepted = false;
    this.tellsProgress = false;  // else its logs may
    this.wanted = true;
    this.done = this.run(input).catch((error) => {
      if (!this.wanted) return this.ended("canceled");
      throw error;
    });
  }

  async cancel() {
    this.wanted = false;
    if (this.accepted || this.sent) {
      try {
        if (await this.api.cancel(this.template, this.id)) return;
      } catch {
        // No answer: ending the connection cancels as well.
      }
    }
    this.abort.abort(new Error("canceled"));
  }

  ended(status, extra = {}) {
    return { id: this.id, status, logs: this.logs, output: this.outputs, metrics: {}, ...extra };
  }

  async run(input) {
    this.on.sending();
    const body = { id: this.id, input: await toWire(input) };
    let stream = streams(this.template.openapi);
    for (;;) {
      if (!this.wanted) return this.ended("canceled");
      this.sent = true;
      if (!stream) this.on.started({ streamed: false });
      const response = await this.api.predict(this.template, body,
                                              { stream, signal: this.abort.signal });
      this.sent = false;
      if (response.status === 406 && stream) {
        stream = false;
      } else if (response.status === 409) {
        this.on.waiting();
        await pause(retry_ms, this.abort.signal);
      } else {
        return this.read(response);
      }
    }
  }

  async read(response) {
    const type = response.headers.get("content-type") ?? "";
    if (response.status === 422 && type.includes("json")) {
      const { detail } = await response.json();
      throw new InvalidInput(Array.isArray(detail) ? detail : [{ loc: [], msg: String(detail) }]);
    }
    if (!response.ok) throw new HttpError(response.status, await response.text());
    this.accepted = true;
    if (type.includes("text/event-stream")) return this.follow(response);
    const prediction = await response.json();
    return this.ended(prediction.status, prediction);
  }

  async follow(response) {
    this.on.queued();
    for await (const { event, data } of readEvents(response.body)) {
      if (event === "completed") {
        return this.ended(data.status, { ...data, output: data.output ?? this.outputs });
      }
      if (event === "error") throw new Error(data.error ?? "The stream of events broke off");
      this.take(event, data);
    }
    if (!this.wanted) return this.ended("canceled");
    throw new Error("The connection to the server broke off before the end");
  }

  take(event, data) {
    if (event === "start") {
      this.on.started({ streamed: true });
    } else if (event === "log") {
      this.logs += data.data.endsWith("\n") ? data.data : data.data + "\n";
      for (const line of data.data.split("\n")) {
        const progress = this.tellsProgress ? null : parseProgress(line);
        if (progress) this.on.progress(progress);
      }
      this.on.log(this.logs);
    } else if (event === "output") {
      this.outputs[data.index] = data.chunk;
      this.on.output(data.chunk, data.index);
    } else if (event === "progress") {
      this.tellsProgress = true;
      this.on.progress(fromEvent(data));
    } else if (event === "preview") {
      this.on.preview(data.image);
    }
  }
}
