// Controls for single values. Each is {element, labelable, read, write, focus}: read() gives the
// value, undefined for "left out", or throws an Error that says what is wrong; write(undefined)
// empties it. `labelable` is the element that the label is for.
import { button, el, uniqueId } from "./dom.js";

const decimals = (number) => (String(number).split(".")[1] ?? "").length;

function textControl(field, id) {
  const long = /prompt|text|message|caption|description|story/i.test(field.name) ||
    (typeof field.default === "string" && field.default.length > 60);
  const input = long ? el("textarea", { id, rows: field.name.includes("negative") ? 1 : 2 })
                     : el("input", { id, type: "text" });
  input.spellcheck = false;
  if (long) input.addEventListener("input", () => grow(input));
  return {
    element: input, labelable: input,
    read: () => {
      if (input.value !== "") return input.value;
      if (field.nullable) return field.hasDefault && field.default !== null ? null : undefined;
      return field.required || field.default ? "" : undefined;
    },
    write: (value) => {
      input.value = value ?? "";
      if (long) requestAnimationFrame(() => grow(input));
    },
    focus: () => input.focus(),
  };
}

// As high as its text, within reason; where the browser does it by itself it is left alone.
function grow(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight + 2, 260)}px`;
}

function secretControl(field, id) {
  const input = el("input", { id, type: "password", autocomplete: "new-password" });
  const reveal = button("Show", { kind: "quiet small", symbol: "eye", "aria-pressed": "false" });
  reveal.addEventListener("click", () => {
    const show = input.type === "password";
    input.type = show ? "text" : "password";
    reveal.setAttribute("aria-pressed", String(show));
  });
  return {
    element: el("div", { class: "joined" }, input, reveal), labelable: input,
    read: () => (input.value === "" ? (field.required ? "" : undefined) : input.value),
    write: (value) => { input.value = value ?? ""; },
    focus: () => input.focus(),
  };
}

// Steps a slider takes over that range: a hundred or so, of a round size.
export function sliderStep(field) {
  if (field.kind === "integer") return 1;
  return 10 ** Math.floor(Math.log10((field.max - field.min) / 50));
}

export function parseNumber(text, field) {
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) {
    throw new Error(`“${text}” is not a number`);
  }
  if (field.kind === "integer" && !Number.isInteger(number)) {
    throw new Error(`${text} is not a whole number`);
  }
  if (field.min !== undefined && number < field.min) throw new Error(`At least ${field.min}`);
  if (field.max !== undefined && number > field.max) throw new Error(`At most ${field.max}`);
  return number;
}

// Whether a slider makes sense.
export const isBounded = (field) => Number.isFinite(field.min) && Number.isFinite(field.max) &&
  field.max - field.min <= 100000;

function numberControl(field, id, labelId) {
  const input = el("input", {
    id, type: "text", inputmode: field.kind === "integer" ? "numeric" : "decimal",
    placeholder: field.hasDefault && field.default !== null ? field.default
      : field.name === "seed" ? "random" : field.required ? null : "automatic",
  });
  const control = {
    element: input, labelable: input,
    read: () => {
      if (input.value.trim() !== "") return parseNumber(input.value, field);
      if (field.nullable && field.hasDefault && field.default !== null) return null;
      if (field.required) throw new Error("A number is needed");
      return undefined;
    },
    write: (value) => {
      input.value = value ?? "";
      input.dispatchEvent(new Event("input", { bubbles: true }));
    },
    focus: () => input.focus(),
  };
  stepWithArrows(input, field);
  if (isBounded(field)) control.element = withSlider(input, field, labelId);
  return control;
}

// Up and down change a number by one step, as in the browser's own number boxes (which take "1,5"
// for nothing, without a word).
function stepWithArrows(input, field) {
  const step = Number.isFinite(field.min) && Number.isFinite(field.max) ? sliderStep(field)
    : field.kind === "integer" ? 1 : 0.1;
  input.addEventListener("keydown", (event) => {
    const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const start = Number(input.value || field.default || field.min || 0);
    if (!Number.isFinite(start)) return;
    const next = start + direction * step * (event.shiftKey ? 10 : 1);
    const clamped = Math.min(field.max ?? Infinity, Math.max(field.min ?? -Infinity, next));
    input.value = String(Number(clamped.toFixed(Math.max(decimals(step), decimals(start)))));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

function withSlider(input, field, labelId) {
  const step = sliderStep(field);
  const slider = el("input", { type: "range", min: field.min, max: field.max, step,
                               "aria-labelledby": labelId });
  const fill = () => {
    const share = (Number(slider.value) - field.min) / (field.max - field.min);
    slider.style.setProperty("--share", `${(share * 100).toFixed(2)}%`);
  };
  input.addEventListener("input", () => {
    const number = Number(input.value);
    slider.value = input.value !== "" && Number.isFinite(number) ? number
      : field.default ?? field.min;
    fill();
  });
  slider.addEventListener("input", () => {
    input.value = slider.value;
    fill();
  });
  slider.value = field.default ?? field.min;
  fill();
  return el("div", { class: "number" }, slider, input);
}

function booleanControl(field, id) {
  if (field.nullable) {
    return choiceControl({ ...field, choices: [true, false] }, id,
                         (value) => (value ? "yes" : "no"));
  }
  const input = el("input", { id, type: "checkbox", role: "switch" });
  return {
    element: input, labelable: input,
    read: () => input.checked,
    write: (value) => { input.checked = value === true; },
    focus: () => input.focus(),
  };
}

function choiceControl(field, id, show = String) {
  const optional = field.nullable || (!field.required && !field.hasDefault);
  const select = el("select", { id },
    optional && el("option", { value: "" }, "automatic"),
    !optional && !field.hasDefault && el("option", { value: "" }, "choose …"),
    field.choices.map((choice, i) => el("option", { value: String(i) }, show(choice))));
  return {
    element: select, labelable: select,
    read: () => {
      if (select.value !== "") return field.choices[Number(select.value)];
      if (field.required) throw new Error("Choose one");
      return field.nullable && field.hasDefault && field.default !== null ? null : undefined;
    },
    write: (value) => {
      const index = value === undefined || value === null ? -1 : field.choices.indexOf(value);
      select.value = index < 0 ? "" : String(index);
    },
    focus: () => select.focus(),
  };
}

function jsonControl(field, id) {
  const area = el("textarea", { id, rows: 3, class: "code", placeholder: "{ }" });
  area.spellcheck = false;
  return {
    element: area, labelable: area,
    read: () => {
      if (area.value.trim() === "") {
        if (field.required) throw new Error("JSON is needed, such as {\"key\": 1}");
        return undefined;
      }
      try {
        return JSON.parse(area.value);
      } catch (error) {
        throw new Error(`This is not JSON: ${error.message}`);
      }
    },
    write: (value) => {
      area.value = value === undefined || value === null ? "" : JSON.stringify(value, null, 2);
    },
    focus: () => area.focus(),
  };
}

// A text that is taken for the first of its types that it fits.
function unionControl(field, id) {
  const input = el("input", { id, type: "text" });
  const numeric = field.types.includes("integer") || field.types.includes("number");
  return {
    element: input, labelable: input,
    read: () => {
      const text = input.value;
      if (text === "") return field.required && field.types.includes("text") ? "" : undefined;
      if (field.types.includes("boolean") && /^(true|false)$/.test(text)) return text === "true";
      const number = Number(text);
      if (numeric && text.trim() !== "" && Number.isFinite(number) &&
          (field.types.includes("number") || Number.isInteger(number))) return number;
      if (field.types.includes("text") || field.types.includes("file")) return text;
      try {
        return JSON.parse(text);
      } catch {
        throw new Error(`“${text}” is none of ${field.types.join(", ")}`);
      }
    },
    write: (value) => {
      input.value = value === undefined || value === null ? ""
        : typeof value === "string" ? value : JSON.stringify(value);
    },
    focus: () => input.focus(),
  };
}

const makers = {
  choice: (field, id) => choiceControl(field, id),
  text: textControl, secret: secretControl, integer: numberControl, number: numberControl,
  boolean: booleanControl, json: jsonControl, union: unionControl,
};

export function makeControl(field, id = uniqueId("in"), labelId = undefined) {
  return makers[field.kind](field, id, labelId);
}
