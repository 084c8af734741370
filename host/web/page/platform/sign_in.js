// Asks for a token where the platform wants one.
import { byId, el } from "../dom.js";

// `retry`: the one given last was not taken. Calls `done(token)`.
export function signInView(retry, done) {
  const input = el("input", { id: "token", type: "password", autocomplete: "off",
                              spellcheck: "false", "aria-required": "true",
                              "aria-describedby": "token-problem token-hint",
                              "aria-invalid": retry ? "true" : null });
  const problem = el("p", { class: "problem", id: "token-problem", hidden: !retry },
                     "The platform does not take this token");
  const form = el("form", { class: "panel sign-in", novalidate: true,
                            "aria-labelledby": "token-title" },
    el("h2", { id: "token-title" }, "Sign in"),
    el("div", { class: "field" },
       el("div", { class: "field-head" },
          el("label", { class: "label", for: "token" }, "Token")),
       input,
       el("p", { class: "hint", id: "token-hint" },
          "One of those that the platform was started with. It is kept in this tab until the tab " +
          "is closed, and is sent to this platform alone."),
       problem),
    el("button", { type: "submit", class: "primary" }, "Sign in"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim() === "") {
      problem.textContent = "A token is needed";
      problem.hidden = false;
      input.setAttribute("aria-invalid", "true");
      return input.focus();
    }
    done(input.value.trim());
  });
  return { element: el("div", { class: "gate" }, form), focus: () => byId("token").focus() };
}
