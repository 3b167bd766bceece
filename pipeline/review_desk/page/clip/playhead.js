// Where in the motion we are. The film leads: `frame` is the frame whose picture is on the screen, never the one asked for.
// Motion frame of film frame v is v * step. Without a film, or when it fails, a timer leads.

export const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4];

// A picture's time in the container is rounded to its time base: a little less than its due time is still that picture.
const ROUNDING = 0.25;
// Where a seek stays within the shown picture, the browser may present none anew; then "seeked" is all that comes [ms].
const NO_NEW_PICTURE_MS = 150;

// Pictures that the browser may leave out before the end, when it is short of time.
const MAY_MISS = 15;

export class Playhead extends EventTarget {
  // video: an HTMLVideoElement or null; film: the clip view's `video` ({n_frames, fps, step}) or null.
  constructor({ nFrames, fps, video = null, film = null }) {
    super();
    this.nFrames = nFrames;
    this.fps = fps;
    this.speed = 1;
    this.frame = 0;
    this.playing = false;
    this.closed = false;
    this.video = video;
    this.film = film;
    this.target = null; // film frame that a seek under way aims at
    this.queued = null; // film frame to seek to once it has arrived
    this.due = null; // film frame that a seek has reached, but whose picture is not on the screen yet
    this.clock = null; // {time, frame} when the timer was started
    if (video && film) this.#followFilm();
    else this.video = this.film = null;
  }

  // Frames of motion from one picture to the next.
  get stride() {
    return this.film ? this.film.step : 1;
  }

  get lastFrame() {
    if (!this.film) return Math.max(0, this.nFrames - 1);
    return Math.max(0, Math.min(this.nFrames - 1, (this.film.n_frames - 1) * this.film.step));
  }

  // The frame that will be shown once all that was asked for is done.
  get aim() {
    const film = this.queued ?? this.target ?? this.due;
    return film === null ? this.frame : film * this.stride;
  }

  play() {
    if (this.playing || this.closed || this.nFrames < 1) return;
    if (this.aim >= this.lastFrame) this.seek(0);
    this.playing = true;
    if (this.video) {
      this.video.playbackRate = this.speed;
      this.video.play().catch((error) => {
        if (this.video && error.name !== "AbortError") this.#fail("the film cannot be played: " + error.message);
      });
    } else this.#startTimer();
    this.#tell("state");
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    if (this.video) {
      this.video.pause();
      this.#settle();
    }
    this.clock = null;
    this.#tell("state");
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  // Go on or back by some pictures, counted from where the last seek aims, so that a held key loses none.
  step(n) {
    this.pause();
    this.seek(this.aim + n * this.stride);
  }

  seek(frame) {
    if (this.closed || !Number.isFinite(frame)) return;
    const wanted = Math.max(0, Math.min(this.lastFrame, Math.floor(frame)));
    if (!this.video) {
      if (this.playing) this.clock = { time: performance.now(), frame: wanted };
      this.#show(wanted);
      return;
    }
    const picture = Math.floor(wanted / this.film.step);
    if (this.target !== null || this.video.readyState < 1) this.queued = picture;
    else this.#aimAt(picture);
    this.#tell("aim");
  }

  setSpeed(speed) {
    this.speed = speed;
    if (this.video) this.video.playbackRate = speed;
    else if (this.playing) this.clock = { time: performance.now(), frame: this.frame };
    this.#tell("state");
  }

  // Faster (+1) or slower (-1).
  shiftSpeed(by) {
    const at = SPEEDS.findIndex((speed) => speed >= this.speed - 1e-6);
    this.setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at + by))]);
  }

  close() {
    this.playing = false;
    this.closed = true;
    this.clock = null;
    if (this.video) {
      this.video.pause();
      this.video.removeAttribute("src");
      this.video.load();
    }
  }

  #followFilm() {
    const video = this.video;
    const onPicture = (_now, metadata) => {
      if (this.closed || this.video !== video) return;
      this.seenAt = performance.now();
      const picture = this.#pictureAt(metadata.mediaTime);
      if (picture === this.due || this.playing) this.due = null;
      this.#show(picture * this.film.step);
      video.requestVideoFrameCallback(onPicture);
    };
    video.requestVideoFrameCallback(onPicture);
    video.addEventListener("loadedmetadata", () => this.#goOn());
    video.addEventListener("seeked", () => this.#arrived());
    video.addEventListener("ended", () => this.#ended());
    video.addEventListener("pause", () => {
      if (this.video === video && this.playing && !video.ended) this.pause(); // the browser paused it by itself
    });
    video.addEventListener("error", () => {
      if (!this.closed) this.#fail("the film cannot be shown: " + (video.error?.message || "the file is missing or damaged"));
    });
  }

  #pictureAt(time) {
    return Math.max(0, Math.min(this.film.n_frames - 1, Math.floor(time * this.film.fps + ROUNDING)));
  }

  #aimAt(picture) {
    this.target = picture;
    this.queued = this.due = null;
    this.askedAt = performance.now();
    this.video.currentTime = (picture + 0.5) / this.film.fps;
  }

  #arrived() {
    if (!this.video) return;
    const reached = this.target;
    this.target = null;
    if (this.queued !== null) {
      this.#goOn();
      return;
    }
    if (this.playing || reached === null) return;
    const asked = this.askedAt;
    if (reached * this.film.step !== this.frame) this.due = reached;
    setTimeout(() => {
      if (!this.video || this.playing || this.target !== null || this.askedAt !== asked) return;
      this.due = null;
      if (!(this.seenAt > asked)) this.#show(reached * this.film.step);
    }, NO_NEW_PICTURE_MS);
    this.#tell("aim");
  }

  #goOn() {
    if (this.queued !== null && this.target === null) this.#aimAt(this.queued);
  }

  // A pause may come between two pictures: aim at the middle of the shown one, so that steps count from it.
  #settle() {
    if (this.target === null && this.video.readyState >= 1) this.#aimAt(Math.floor(this.frame / this.film.step));
  }

  #ended() {
    const missing = this.film ? this.film.n_frames - 1 - this.frame / this.film.step : 0;
    if (missing > MAY_MISS && inSight(this.video)) {
      this.#fail(`the film shows nothing after frame ${this.frame}: its file is damaged or cut off.`);
      return;
    }
    this.playing = false;
    this.#tell("state");
  }

  #fail(sentence) {
    const goingOn = this.playing;
    const wanted = this.aim;
    this.video = this.film = null;
    this.target = this.queued = this.due = null;
    this.problem = sentence;
    this.#tell("problem");
    this.#show(wanted);
    if (goingOn) this.#startTimer();
  }

  #startTimer() {
    this.clock = { time: performance.now(), frame: this.frame };
    const tick = (now) => {
      if (this.closed || !this.playing || this.video || !this.clock) return;
      const since = Math.max(0, now - this.clock.time);
      const frame = Math.floor(this.clock.frame + (since / 1000) * this.fps * this.speed + 1e-6);
      this.#show(Math.min(frame, this.lastFrame));
      if (frame >= this.lastFrame) this.#ended();
      else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  #show(frame) {
    const shown = Math.max(0, Math.min(this.nFrames - 1, frame));
    if (shown === this.frame && this.shownOnce) return;
    this.shownOnce = true;
    this.frame = shown;
    this.#tell("frame");
  }

  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}

// Whether the browser has reason to draw it.
function inSight(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return document.visibilityState === "visible" && bottom > 0 && top < window.innerHeight;
}
