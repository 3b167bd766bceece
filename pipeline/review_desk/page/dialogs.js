// Small windows that ask one thing. Each returns a promise of the answer; Esc is the answer null.

import { button, h } from "wushu/clip/dom.js";
import { isPressedAnew, isStep } from "wushu/keys.js";

// Show a window; `build(answer)` returns its children, and calls `answer(value)` when it is answered.
export function ask(title, build, { wide = false, key = () => undefined } = {}) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const head = h("h2", { id: "dialog-title" }, title);
    const dialog = h("dialog", { class: wide ? "ask wide" : "ask", "aria-labelledby": "dialog-title" }, head);
    const answer = (value) => {
      dialog.close();
      dialog.remove();
      before?.focus?.({ preventScroll: true });
      resolve(value);
    };
    dialog.append(...build(answer));
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      answer(null);
    });
    dialog.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the page's own keys rest meanwhile
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.repeat && !isStep(event)) {
        if (isPressedAnew(event)) event.preventDefault();
        return; // a key that is still held from before answers nothing
      }
      if (event.key === "Escape") {
        event.preventDefault();
        answer(null);
      } else key(event, answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("[autofocus]")?.focus();
  });
}

// A question with a few answers: [[value, label, isMain], ...].
export function choose(title, sentences, answers) {
  return ask(title, (answer) => [
    ...sentences.map((sentence) => h("p", {}, sentence)),
    h(
      "div",
      { class: "answers" },
      ...answers.map(([value, label, isMain]) =>
        button({ class: isMain ? "main" : "", autofocus: isMain, onclick: () => answer(value) }, label),
      ),
    ),
  ]);
}

export function askName(suggested) {
  const field = h("input", { type: "text", maxlength: "200", autofocus: true, "aria-label": "Your name", name: "reviewer" });
  field.value = suggested ?? "";
  return ask("Who reviews?", (answer) => {
    const form = h(
      "form",
      { onsubmit: (event) => (event.preventDefault(), field.value.trim() && answer(field.value.trim().normalize("NFC"))) },
      h("p", {}, "Your name stands beside everything you decide, for the others to see."),
      field,
      h("div", { class: "answers" }, h("button", { type: "submit", class: "main" }, "Begin")),
    );
    queueMicrotask(() => field.select());
    return [form];
  });
}

export function askNote(title, text, { label = "Keep", hint = "" } = {}) {
  const field = h("textarea", { rows: "4", maxlength: "2000", autofocus: true, "aria-label": "Note", name: "note" });
  field.value = text ?? "";
  const done = (answer) => answer(field.value.trim());
  return ask(
    title,
    (answer) => [
      field,
      h("p", { class: "faint" }, hint ? `${hint} ` : "", h("kbd", {}, "Enter"), " keeps, ", h("kbd", {}, "Shift+Enter"), " begins a line."),
      h("div", { class: "answers" }, button({ class: "main", onclick: () => done(answer) }, label)),
    ],
    {
      key: (event, answer) => {
        if (event.key === "Enter" && !event.shiftKey && event.target === field) (event.preventDefault(), done(answer));
      },
    },
  );
}

const DIGITS = "1234567890-=";

// Why a clip is rejected: {reason, note}. A digit answers at once; a note can be written before.
export function askReason(title, codes, note, sentences = []) {
  const field = h("textarea", { rows: "2", maxlength: "2000", "aria-label": "Note", placeholder: "note (n)", name: "note" });
  field.value = note ?? "";
  const reply = (answer, reason) => answer({ reason, note: field.value.trim() });
  return ask(
    title,
    (answer) => [
      ...sentences.map((sentence) => h("p", {}, sentence)),
      h(
        "ol",
        { class: "reasons" },
        ...codes.map(({ code, text }, index) =>
          h(
            "li",
            {},
            button(
              { autofocus: index === 0, "data-code": code, onclick: () => reply(answer, code) },
              h("kbd", {}, DIGITS[index] ?? " "),
              h("span", { class: "code" }, code),
              h("span", { class: "faint" }, text),
            ),
          ),
        ),
      ),
      field,
      h("div", { class: "answers" }, button({ onclick: () => reply(answer, "") }, "Without a reason")),
    ],
    { key: (event, answer) => onReasonKey(event, field, codes, (code) => reply(answer, code)) },
  );
}

function onReasonKey(event, field, codes, reply) {
  if (event.target === field) {
    if (event.key === "Enter" && !event.shiftKey) (event.preventDefault(), field.blur(), focusFirst(field));
    return;
  }
  const index = DIGITS.indexOf(event.key);
  if (index >= 0 && index < codes.length) (event.preventDefault(), reply(codes[index].code));
  else if (event.key === "n") (event.preventDefault(), field.focus());
  else if (event.key === "ArrowDown" || event.key === "j") (event.preventDefault(), move(event.target, 1));
  else if (event.key === "ArrowUp" || event.key === "k") (event.preventDefault(), move(event.target, -1));
}

function focusFirst(field) {
  field.closest("dialog").querySelector(".reasons button").focus();
}

function move(target, by) {
  const buttons = [...target.closest("dialog").querySelectorAll(".reasons button")];
  const at = buttons.indexOf(target);
  buttons[Math.min(buttons.length - 1, Math.max(0, at + by))].focus();
}

// A text to take away, with a button that copies it.
export function showCommand(command) {
  const field = h("textarea", { rows: "3", readonly: true, "aria-label": "Command", class: "command", autofocus: true });
  field.value = command;
  return ask(
    "Decide in a terminal",
    (answer) => [
      h("p", {}, "This page stands alone and can keep no decision. This command keeps it, where the dataset is:"),
      field,
      h(
        "div",
        { class: "answers" },
        button({ class: "main", onclick: (event) => copy(field, event.currentTarget) }, "Copy"),
        button({ onclick: () => answer(null) }, "Close"),
      ),
    ],
    { wide: true },
  );
}

async function copy(field, at) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // pages from a file have no clipboard of the newer kind
  }
  at.textContent = "Copied";
}
