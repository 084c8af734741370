// What a training can be told, as fields of a form: the platform's own, and the trainer's inputs as
// its document has them, named "input.NAME" as the platform names them in what it refuses.
import { readFields } from "../schema.js";

const datasets = ["instance_data", "input_images"];
const moreDatasets = ["class_data"];

const own = (name, title, more) => ({
  name, title, kind: "text", required: false, nullable: true, hasDefault: false, description: "",
  ...more });

// Inputs of a trainer that cannot be asked: those which trainers of this kind have in common.
const usual = { components: { schemas: { Input: {
  required: ["instance_prompt", "instance_data"],
  properties: {
    instance_prompt: { type: "string", "x-order": 0, description:
      "What the pictures show, with a rare word for it, such as “a photo of cjw person”" },
    instance_data: { type: "string", format: "uri", "x-order": 1 },
    class_prompt: { type: "string", "x-order": 2, description:
      "The same without the rare word, such as “a photo of a person”" },
    max_train_steps: { type: "integer", minimum: 1, "x-order": 3 },
    learning_rate: { type: "number", "x-order": 4 },
    seed: { type: "integer", "x-order": 5 },
  } } } } };

const hasInputs = (document) =>
  Object.keys(document?.components?.schemas?.Input?.properties ?? {}).length > 0;

function inputField(field) {
  const named = { ...field, name: `input.${field.name}`, input: field.name };
  const isDataset = [...datasets, ...moreDatasets].includes(field.name) &&
    ["file", "text"].includes(field.kind);
  if (!isDataset) return named;
  const main = datasets.includes(field.name);
  return { ...named, kind: "pictures", required: field.required || main,
           title: main ? "Pictures" : "Pictures of the class" };
}

// Result: {fields, fold}: the pictures first, then what everybody fills in; `fold` as Form has it.
export function trainingFields(document, { trainers, templates, trainer }) {
  const inputs = readFields(hasInputs(document) ? document : usual).map(inputField);
  const isFirst = (field) => field.kind === "pictures" && datasets.includes(field.input);
  const isLead = (field) => !isFirst(field) &&
    (field.required || /prompt$|max_train_steps|^steps$/.test(field.input)) &&
    field.kind !== "pictures";
  const choices = [
    trainers.length > 1 && own("trainer_version", "Trainer", {
      kind: "choice", choices: trainers.map(({ name }) => name), hasDefault: true, nullable: false,
      default: trainer }),
    templates.length > 1 && own("template_version", "Template", {
      kind: "choice", choices: templates.map(({ name }) => name), hasDefault: true,
      nullable: false, default: templates.find((one) => one.default)?.name,
      description: "What the weights are added to" }),
  ].filter(Boolean);
  const head = [
    ...inputs.filter(isFirst),
    own("model", "Model", { required: true, nullable: false, pattern: "^[^/]+/[^/]+$",
                            placeholder: "owner/name",
                            description: "owner/name in lower case; made if there is none" }),
    ...inputs.filter(isLead), ...choices];
  const rest = [
    ...inputs.filter((field) => !isFirst(field) && !isLead(field)),
    own("notes", "Notes", { description: "Shown with the version" }),
    own("webhook_completed", "Webhook",
        { description: "A URL that is told of the end", placeholder: "https://…" })];
  return { fields: [...head, ...rest], fold: head.length };
}
