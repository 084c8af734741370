// What was drawn before, in the browser's own database; in memory alone where that is closed to us
// (private windows, full disks). Secrets never get here.

const most = 300;

const asPromise = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("dream-playground", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("runs", { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

// A record: {id, server, template, created, input, status, items, logs, error, metrics}.
export class History {
  constructor(server) {
    this.server = server;
    this.records = [];  // the newest first
    this.database = null;
  }

  // Whether what is kept survives the page.
  get lasting() {
    return this.database !== null;
  }

  async load() {
    try {
      this.database = await open();
      const all = await asPromise(this.store("readonly").getAll());
      this.records = all.filter((record) => record.server === this.server)
        .sort((a, b) => b.created - a.created);
    } catch {
      this.database = null;
    }
  }

  store(mode) {
    return this.database.transaction("runs", mode).objectStore("runs");
  }

  async write(action) {
    if (!this.database) return;
    try {
      await asPromise(action(this.store("readwrite")));
    } catch {
      this.database = null;  // full, or withdrawn: from here on in memory
    }
  }

  async add(record) {
    this.records.unshift({ ...record, server: this.server });
    await this.write((store) => store.put(this.records[0]));
    while (this.records.length > most) await this.remove(this.records[this.records.length - 1].id);
    return this.records[0];
  }

  async remove(id) {
    this.records = this.records.filter((record) => record.id !== id);
    await this.write((store) => store.delete(id));
  }

  async clear() {
    const ids = this.records.map((record) => record.id);
    this.records = [];
    for (const id of ids) await this.write((store) => store.delete(id));
  }
}
