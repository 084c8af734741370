// The official JavaScript client against a platform, unchanged: node cases.mjs CLIENT PLACE, where
// CLIENT is the folder of the package and PLACE describes the platform in JSON. Prints one JSON
// object for each case.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const Replicate = createRequire(import.meta.url)(process.argv[2]);
const place = JSON.parse(process.argv[3]);
const { owner, echo, texts } = place;
const options = { auth: place.token, baseUrl: `${place.base}/v1` };
const client = new Replicate(options);
const cases = {};

const modelOf = (version) => version.split(":")[0];
const idOf = (version) => version.split(":")[1];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let number = 0;
const fresh = (prefix) => `${prefix}-js-${number++}`;

async function until(check, what) {
  for (const end = Date.now() + 60_000; Date.now() < end; await pause(100)) {
    const value = await check();
    if (value) return value;
  }
  throw new Error(`${what} did not come true`);
}

const ended = (get, id) =>
  until(async () => {
    const job = await get(id);
    return ["succeeded", "failed", "canceled", "aborted"].includes(job.status) && job;
  }, `the end of ${id}`);

const refused = (status, call) =>
  assert.rejects(call, (error) => error.response?.status === status || assert.fail(error));

async function collected(pages) {
  const all = [];
  for await (const page of pages) all.push(...page);
  return all;
}

cases.runAVersion = async () => {
  const output = await client.run(echo, { input: { text: "Alice", count: 7 } });
  assert.equal(output.count, 7);
};

cases.runTheNewestVersionOfAModel = async () => {
  const output = await client.run(modelOf(echo), { input: { text: "Alice" } });
  assert.equal(output.text, "Alice");
};

cases.runByPolling = async () => {
  const seen = [];
  const wait = { mode: "poll", interval: 50 };
  const input = { count: 3, delay_ms: 100 };
  const output = await client.run(texts, { input, wait }, (one) => seen.push(one.status));
  assert.deepEqual(output, ["item-0", "item-1", "item-2"]);
  assert.equal(seen[0], "starting");
  assert.equal(seen.at(-1), "succeeded");
};

cases.runLongerThanTheWait = async () => {
  const wait = { mode: "block", timeout: 1, interval: 100 };
  const output = await client.run(texts, { input: { count: 3, delay_ms: 600 }, wait });
  assert.deepEqual(output, ["item-0", "item-1", "item-2"]);
};

cases.runWithAFile = async () => {
  const file = Buffer.from("of a file");
  const output = await client.run(echo, { input: { text: "x", file } });
  assert.deepEqual(output.file, { size: 9, content: "of a file" });
};

// Not by the client's "data-uri" strategy: 1.4.0 gives it the client in the place of the inputs.
cases.runWithAFileAsDataUrl = async () => {
  const file = `data:text/plain;base64,${Buffer.from("of a file").toString("base64")}`;
  const output = await client.run(echo, { input: { text: "x", file } });
  assert.deepEqual(output.file, { size: 9, content: "of a file" });
};

cases.runIsAborted = async () => {
  const abort = new AbortController();
  const input = { count: 100, delay_ms: 500 };
  setTimeout(() => abort.abort(), 1500);
  const wait = { mode: "poll", interval: 100 };
  await client.run(texts, { input, wait, signal: abort.signal }).catch(() => {});
  const newest = (await client.predictions.list()).results.find(
    (one) => one.input.delay_ms === 500 && one.input.count === 100);
  assert.equal((await ended(client.predictions.get, newest.id)).status, "canceled");
};

cases.aBadInputIsRefused = () =>
  refused(422, () => client.run(echo, { input: { text: "x", count: 101 } }));

cases.aFailureIsThrown = () =>
  assert.rejects(client.run(place.fails, { input: { seconds: 0, crash: "out of paint" } }),
    /Prediction failed: out of paint/);

cases.stream = async () => {
  const events = [];
  for await (const event of client.stream(texts, { input: { count: 3 } })) events.push(event);
  const output = events.filter((event) => event.event === "output").map((event) => event.data);
  assert.deepEqual(output, ["item-0", "item-1", "item-2"]);
  assert.equal(events.at(-1).event, "done");
  assert.ok(events.every((event) => event.id));
};

cases.predictionFromBeginningToEnd = async () => {
  const made = await client.predictions.create({ version: idOf(texts), input: { count: 2 } });
  assert.equal(made.status, "starting");
  assert.equal(made.source, "api");
  const done = await client.wait(made, { interval: 50 });
  assert.equal(done.status, "succeeded");
  assert.deepEqual(done.output, ["item-0", "item-1"]);
  assert.ok(done.metrics.predict_time > 0 && done.metrics.total_time > 0);
  assert.ok((await collected(client.paginate(client.predictions.list))).some(
    (one) => one.id === made.id));
};

cases.predictionThatIsWaitedFor = async () => {
  const input = { text: "a" };
  for (const wait of [true, 30]) {
    const done = await client.predictions.create({ version: idOf(echo), input, wait });
    assert.equal(done.status, "succeeded");
  }
  const done = await client.predictions.create({ model: modelOf(echo), input, wait: true });
  assert.equal(done.output.text, "a");
};

cases.predictionCanceled = async () => {
  const input = { count: 100, delay_ms: 500 };
  const made = await client.predictions.create({ version: idOf(texts), input });
  await client.predictions.cancel(made.id);
  assert.equal((await ended(client.predictions.get, made.id)).status, "canceled");
};

cases.predictionThatIsNotThere = async () => {
  await refused(404, () => client.predictions.get("nobody"));
  await refused(422, () => client.predictions.create({ version: "f".repeat(64), input: {} }));
};

cases.webhooksAreSigned = async () => {
  const secret = (await client.webhooks.default.secret.get()).key;
  const made = await client.predictions.create({
    version: idOf(texts), input: { count: 2 }, webhook: place.hook,
    webhook_events_filter: ["completed"] });
  const told = await until(() => readFileSync(place.deliveries, "utf8").split("\n")
    .filter(Boolean).map((line) => JSON.parse(line))
    .find((one) => JSON.parse(one.body).id === made.id), "the webhook");
  const headers = told.headers;
  const wanted = { id: headers["webhook-id"], timestamp: headers["webhook-timestamp"],
    signature: headers["webhook-signature"], body: told.body, secret };
  assert.equal(await Replicate.validateWebhook(wanted), true);
  assert.equal(await Replicate.validateWebhook({ ...wanted, body: `${told.body} ` }), false);
};

cases.models = async () => {
  const name = fresh("model");
  const made = await client.models.create(owner, name, {
    visibility: "private", hardware: "cpu", description: "of a test" });
  assert.equal(`${made.owner}/${made.name}`, `${owner}/${name}`);
  assert.equal((await client.models.get(owner, name)).description, "of a test");
  assert.ok((await client.models.search(name)).results.some((one) => one.name === name));
  assert.ok((await collected(client.paginate(client.models.list))).some(
    (one) => one.name === name));
};

cases.versions = async () => {
  const [, name] = modelOf(echo).split("/");
  const page = await client.models.versions.list(owner, name);
  assert.ok((page.results ?? page).some((one) => one.id === idOf(echo)));
  const version = await client.models.versions.get(owner, name, idOf(echo));
  assert.ok(version.openapi_schema.components.schemas.Input.properties.text);
};

cases.deployments = async () => {
  const name = fresh("deployment");
  const made = await client.deployments.create({
    name, model: modelOf(echo), version: idOf(echo), hardware: "cpu", min_instances: 0,
    max_instances: 1 });
  assert.equal(made.current_release.number, 1);
  const changed = await client.deployments.update(owner, name, { max_instances: 2 });
  assert.equal(changed.current_release.configuration.max_instances, 2);
  assert.equal((await client.deployments.get(owner, name)).current_release.number, 2);
  assert.ok((await client.deployments.list()).results.some((one) => one.name === name));
  const wait = true;
  const done = await client.deployments.predictions.create(owner, name,
    { input: { text: "deployed" }, wait });
  assert.equal((await ended(client.predictions.get, done.id)).output.text, "deployed");
  assert.equal(await client.deployments.delete(owner, name), true);
};

cases.trainingFromBeginningToEnd = async () => {
  const name = fresh("trained");
  await client.models.create(owner, name, { visibility: "private", hardware: "cpu" });
  const [trainerOwner, trainerName] = modelOf(place.trainer).split("/");
  const made = await client.trainings.create(trainerOwner, trainerName, idOf(place.trainer), {
    destination: `${owner}/${name}`,
    input: { instance_prompt: "a photo of cjw", instance_data: place.archive } });
  assert.equal(made.status, "starting");
  const done = await ended(client.trainings.get, made.id);
  assert.equal(done.status, "succeeded");
  assert.equal(modelOf(done.output.version), `${owner}/${name}`);
  assert.ok((await client.trainings.list()).results.some((one) => one.id === made.id));
};

cases.trainingCanceled = async () => {
  const name = fresh("canceled");
  await client.models.create(owner, name, { visibility: "private", hardware: "cpu" });
  const [trainerOwner, trainerName] = modelOf(place.trainer).split("/");
  const made = await client.trainings.create(trainerOwner, trainerName, idOf(place.trainer), {
    destination: `${owner}/${name}`, input: { instance_prompt: "x", seconds: 60 } });
  await client.trainings.cancel(made.id);
  assert.equal((await ended(client.trainings.get, made.id)).status, "canceled");
};

cases.files = async () => {
  const made = await client.files.create(Buffer.from("Hello, world!"), { of: "a test" });
  assert.equal(made.size, 13);
  assert.ok(made.checksums.sha256.startsWith("315f5bdb"));
  assert.deepEqual(made.metadata, { of: "a test" });
  assert.equal((await client.files.get(made.id)).id, made.id);
  assert.ok((await client.files.list()).results.some((one) => one.id === made.id));
  assert.equal(await client.files.delete(made.id), true);
  await refused(404, () => client.files.get(made.id));
};

cases.accountHardwareAndCollections = async () => {
  assert.equal((await client.accounts.current()).username, owner);
  assert.ok((await client.hardware.list())[0].sku);
  for (const { slug } of (await client.collections.list()).results)
    assert.ok((await client.collections.get(slug)).models);
};

cases.aWrongToken = () =>
  refused(401, () => new Replicate({ ...options, auth: "wrong" }).predictions.list());

for (const [name, check] of Object.entries(cases)) {
  const began = Date.now();
  const error = await Promise.resolve().then(check).then(() => null, (e) => e.stack ?? String(e));
  console.log(JSON.stringify({ case: name, error, seconds: (Date.now() - began) / 1000 }));
}
