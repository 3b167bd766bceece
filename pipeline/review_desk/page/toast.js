// Short messages at the foot of the page, and one sentence across its top while something is wrong.

import { button, fill, h } from "wushu/clip/dom.js";

const SHOWN_MS = 4000;
const AT_MOST = 4;

export class Messages {
  constructor() {
    this.banner = h("div", { class: "banners", role: "status" });
    this.toasts = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  }

  // Tell something; what is bad or must be seen stays until it is clicked away.
  toast(text, { bad = false, stays = false } = {}) {
    for (const same of this.toasts.children) if (same.firstChild.textContent === text) same.remove();
    const close = button({ class: "quiet", "aria-label": "Close", onclick: () => shown.remove() }, "×");
    const shown = h("div", { class: bad ? "toast bad" : "toast" }, h("span", {}, text), close);
    this.toasts.append(shown);
    const passing = [...this.toasts.children].filter((one) => !one.dataset.stays);
    if (stays) shown.dataset.stays = "yes";
    else setTimeout(() => shown.remove(), bad ? 2 * SHOWN_MS : SHOWN_MS);
    for (const old of passing.slice(0, -AT_MOST)) old.remove();
  }

  // Sentences across the top: [{text, bad, actions: [[label, handler]]}].
  setBanners(banners) {
    fill(
      this.banner,
      banners.map(({ text, bad = false, actions = [] }) =>
        h(
          "div",
          { class: bad ? "banner bad" : "banner" },
          h("span", {}, text),
          actions.map(([label, onclick]) => button({ onclick }, label)),
        ),
      ),
    );
  }
}
