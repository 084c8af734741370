// The platform behind the page: requests with the user's token, errors as people read them.
const timeout_ms = 20000;
const tokenKey = "dream-platform-token";

// What the platform refuses: `fields` is [{field: "input.steps", detail}].
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `The platform answered ${status}`);
    this.status = status;
    this.fields = problem.invalid_fields ?? [];
  }
}

async function problemOf(response) {
  const text = await response.text();
  try {
    const parsed = JSON.parse(text);
    return { ...parsed, detail: parsed.detail ?? parsed.error ?? parsed.title };
  } catch {
    const telling = text.trim() !== "" && text.length < 400 && !text.trim().startsWith("<");
    return telling ? { detail: text.trim() } : {};
  }
}

export class Client {
  // `onUnknown()` is called when the platform wants another token than it was given.
  constructor(onUnknown) {
    this.root = new URL("./", document.baseURI).href;
    this.onUnknown = onUnknown;
    this.token = "";
    try {
      this.token = sessionStorage.getItem(tokenKey) ?? "";
    } catch {
      // Storage may be switched off: the token lasts as long as the page.
    }
  }

  // Kept in this tab alone, and until it is closed.
  setToken(token) {
    this.token = token;
    try {
      if (token === "") sessionStorage.removeItem(tokenKey);
      else sessionStorage.setItem(tokenKey, token);
    } catch {
      // See above.
    }
  }

  headers(more = {}) {
    return this.token === "" ? more : { ...more, authorization: `Bearer ${this.token}` };
  }

  // The parsed answer; throws Refused, or what fetch throws when there is no answer.
  async request(method, path, body = undefined, { signal, headers = {} } = {}) {
    const sent = body === undefined ? {} : { "content-type": "application/json" };
    const response = await fetch(this.address(path), {
      method, body: body === undefined ? undefined : JSON.stringify(body),
      headers: this.headers({ accept: "application/json", ...sent, ...headers }),
      signal: signal ?? AbortSignal.timeout(timeout_ms),
    });
    if (response.status === 401) this.onUnknown(this.token !== "");
    if (!response.ok) throw new Refused(response.status, await problemOf(response));
    return response.status === 204 ? null : response.json();
  }

  get(path) {
    return this.request("GET", path);
  }

  post(path, body, options) {
    return this.request("POST", path, body, options);
  }

  // The platform gives addresses as its public URL has them, which may not be where this page was
  // loaded from: the policy of the page lets it reach nothing else.
  address(url) {
    const known = /(?:^|\/)((?:v1|uploads|files|weights|streams)\/.+)$/.exec(url);
    return new URL(known ? known[1] : url, this.root).href;
  }

  // Uploads a blob as `name`; `onProgress(share)` from 0 to 1. Result: the URL that trainers fetch.
  async upload(blob, name, onProgress, signal) {
    const { upload_url, serving_url } =
      await this.post(`v1/upload/${encodeURIComponent(name)}`, undefined, { signal });
    await this.put(this.address(upload_url), blob, onProgress, signal);
    return serving_url;
  }

  // fetch() does not tell how far a body has gone.
  put(url, blob, onProgress, signal) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("PUT", url);
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
      });
      request.addEventListener("load", async () => {
        if (request.status < 300) return resolve();
        reject(new Refused(request.status, await problemOf(new Response(request.responseText))));
      });
      request.addEventListener("error", () => reject(new Error("The upload broke off")));
      request.addEventListener("abort", () => reject(signal.reason));
      signal?.addEventListener("abort", () => request.abort(), { once: true });
      request.send(blob);
    });
  }
}
