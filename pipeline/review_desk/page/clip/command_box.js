// Where there is no service, a ruling is a command to copy.

import { button, h } from "wushu/clip/dom.js";
import { decideCommand } from "wushu/command.js";

// Two commands that follow the edits: text to select, and a button to copy.
export class CommandBox {
  constructor({ id, dataset, fingerprint, edits }) {
    Object.assign(this, { id, dataset, fingerprint, edits });
    this.lines = ["accept", "reject"].map((ruling) => ({ ruling, code: h("code", { tabindex: "0" }) }));
    this.element = h(
      "section",
      { class: "commands" },
      h("p", {}, "This page has no service behind it and keeps no decision. To decide, run:"),
      this.lines.map(({ code }) => h("div", { class: "command" }, code, button({ onclick: () => copy(code) }, "Copy"))),
    );
    this.show();
  }

  focus() {
    this.lines[0].code.focus();
    this.element.scrollIntoView({ block: "nearest" });
  }

  show() {
    for (const { ruling, code } of this.lines) {
      const edits = ruling === "accept" ? this.edits.request : {};
      const { dataset, id, fingerprint } = this;
      code.textContent = decideCommand({ dataset, id, ruling, fingerprint, ...edits });
    }
  }
}

function copy(code) {
  const range = document.createRange();
  range.selectNodeContents(code);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  navigator.clipboard?.writeText(code.textContent).catch(() => undefined); // it is selected in any case
}
