// The Cog server behind the page: where it is, how it is, what it can do.

const timeout_ms = 10000;

async function getJson(url, signal = AbortSignal.timeout(timeout_ms)) {
  const response = await fetch(url, { signal, headers: { accept: "application/json" } });
  if (!response.ok) throw new HttpError(response.status, await response.text());
  return response.json();
}

export class HttpError extends Error {
  constructor(status, body) {
    super(messageOf(status, body));
    this.status = status;
    this.body = body;
  }
}

// What a body says went wrong: Cog's `error`, a `detail` that is a text, or the text itself.
function messageOf(status, body) {
  try {
    const parsed = JSON.parse(body);
    if (typeof parsed.error === "string") return parsed.error;
    if (typeof parsed.detail === "string") return parsed.detail;
  } catch {
    // Not JSON.
  }
  const plain = body.trim();
  const telling = plain !== "" && plain.length < 400 && !plain.startsWith("<");
  return telling ? plain : `The server answered ${status}`;
}

export class Api {
  // `root`: where requests go; `shown`: the address of the server for people and for copied code.
  constructor(root, shown) {
    this.root = root;
    this.shown = shown;
  }

  static async connect() {
    const base = new URL("./", document.baseURI);
    const config = await getJson(new URL("ui/config.json", base));
    const root = new URL(config.api, base).href;
    return new Api(root, config.server ? config.server.replace(/\/*$/, "/") : root);
  }

  health() {
    return getJson(this.root + "health-check");
  }

  // [{name, description, prefix, openapi}], the default first. A server of one model has no list of
  // templates, as its index says; an `openapi` of null says that it is not known yet.
  async templates() {
    if (!(await this.index()).templates_url) {
      return [{ name: "", description: "", prefix: "", openapi: await this.openapi() }];
    }
    const { templates } = await getJson(this.root + "templates");
    return templates.map((entry) => ({
      name: entry.name, description: entry.description ?? "", openapi: entry.openapi ?? null,
      prefix: entry.default ? "" : `templates/${encodeURIComponent(entry.name)}/`,
    }));
  }

  // Early servers have an empty one, or none.
  async index() {
    try {
      return await getJson(this.root);
    } catch (error) {
      if (error instanceof HttpError || error instanceof SyntaxError) return {};
      throw error;
    }
  }

  async openapi() {
    try {
      return await getJson(this.root + "openapi.json");
    } catch (error) {
      if (error.status === 503) return null;
      throw error;
    }
  }

  predict(template, body, { stream, signal }) {
    const headers = { "content-type": "application/json" };
    headers.accept = stream ? "text/event-stream" : "application/json";
    const events = stream ? "?events=progress,preview" : "";  // other servers do not look at it
    return fetch(`${this.root}${template.prefix}predictions${events}`,
                 { method: "POST", headers, body: JSON.stringify(body), signal });
  }

  // False if the server knows nothing (any more) of that prediction.
  async cancel(template, id) {
    const path = `${template.prefix}predictions/${encodeURIComponent(id)}/cancel`;
    const response = await fetch(this.root + path,
                                 { method: "POST", signal: AbortSignal.timeout(timeout_ms) });
    return response.ok;
  }
}
