// Asks the service again and again what has changed: the decisions of others, clips that were built anew.

import { json, NoAnswer } from "wushu/answers.js";

const EVERY_MS = 2000;
const HIDDEN_MS = 10000;

export class Poll {
  #app;
  #revision;
  #isStale = false; // the service was away: what changed meanwhile is not known by its revision
  #timer = 0;

  constructor(app, revision) {
    this.#app = app;
    this.#revision = revision;
  }

  begin() {
    this.#later();
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#later(0);
    });
  }

  #later(wait = document.hidden ? HIDDEN_MS : EVERY_MS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    try {
      if (this.#isStale) await this.#all();
      else await this.#changes();
      this.#app.found();
    } catch (error) {
      this.#isStale = true;
      this.#app.lost(error instanceof NoAnswer ? error : new NoAnswer(error.message));
    }
    this.#later();
  }

  async #changes() {
    const { revision, clips, gone, whole } = await json(`/api/changes?since=${this.#revision}`);
    this.#revision = revision;
    if (whole) this.#app.replaceAll(clips); // another service than before
    else if (clips.length > 0 || gone?.length > 0) this.#app.receive(clips, { gone: gone ?? [] });
  }

  async #all() {
    const { revision, clips } = await json("/api/clips");
    this.#revision = revision;
    this.#isStale = false;
    this.#app.replaceAll(clips);
  }
}
