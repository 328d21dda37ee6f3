// Many videos kept in step by one clock.
//
// Every video is decoded on its own and drifts. A small drift is made up by playing that video a
// little faster or slower, which nobody sees; only a large one by a seek, which stutters. Where
// one video is heard it leads: its own speed is left alone, and the clock follows it.

const TICK_MS = 100;
const SEEK_ABOVE_S = 0.3; // a drift that a change of speed would take seconds to make up
const LEAVE_BELOW_S = 0.004; // a tenth of a frame
const MAKE_UP_WITHIN_S = 0.4;
const SPEED_CHANGE_MAX = 0.1;
const GATHER_MAX_MS = 1500; // a video that cannot be ready by then catches up later
const READY = 3; // HTMLMediaElement.HAVE_FUTURE_DATA

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function middle(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function patience(promise) {
  return Promise.race([promise, new Promise((done) => setTimeout(done, GATHER_MAX_MS))]);
}

function ready(video) {
  const events = ["canplay", "seeked", "emptied"];
  return new Promise((done) => {
    const look = () => {
      if (video.seeking || (video.readyState < READY && !video.ended && video.src)) return;
      events.forEach((name) => video.removeEventListener(name, look));
      done();
    };
    events.forEach((name) => video.addEventListener(name, look));
    look();
  });
}

async function startPlaying(video) {
  try {
    await video.play();
  } catch (error) {
    if (error.name !== "NotAllowedError") return; // it was paused or taken away meanwhile
    video.muted = true; // the browser plays no sound without a click
    await video.play().catch(() => {});
  }
}

class Ensemble {
  constructor(fps, changed) {
    this.fps = fps;
    this.changed = changed;
    this.players = new Set();
    this.leader = null;
    this.playing = false;
    this.looping = true;
    this.speed = 1;
    this.at_s = 0;
    this.since_ms = null; // null while the clock stands
    this.turn = 0; // a newer start or stop ends the older one's waiting
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.onVisibility = () => this.pageTurned();
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  close() {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.turn += 1;
    this.players.clear();
  }

  get now_s() {
    const passed_ms = this.since_ms === null ? 0 : performance.now() - this.since_ms;
    return this.at_s + (passed_ms / 1000) * this.speed;
  }

  get end_s() {
    return Math.max(0, ...[...this.players].map((video) => video.duration || 0));
  }

  get frames() {
    return Math.max(1, Math.round(this.end_s * this.fps));
  }

  get frame() {
    return clamp(Math.floor(this.now_s * this.fps + 1e-6), 0, this.frames - 1);
  }

  add(video) {
    this.players.add(video);
    if (this.playing && this.since_ms === null) this.gather(this.at_s);
    else if (!this.playing) this.place(video);
    this.changed();
  }

  remove(video) {
    this.players.delete(video);
    if (this.leader === video) this.leader = null;
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    this.playing = true;
    this.gather(this.frame >= this.frames - 1 ? 0 : this.now_s);
    this.changed();
  }

  pause() {
    const frame = this.frame;
    this.playing = false;
    this.show(frame);
  }

  // Go to a frame: to its middle, so that rounding never shows the one before it.
  show(frame) {
    const wanted = clamp(frame, 0, this.frames - 1);
    this.turn += 1;
    this.since_ms = null;
    this.at_s = (wanted + 0.5) / this.fps;
    if (this.playing) {
      this.gather(this.at_s);
    } else {
      this.players.forEach((video) => {
        video.pause();
        this.place(video);
      });
    }
    this.changed();
  }

  setSpeed(speed) {
    const now_s = this.now_s;
    this.speed = speed;
    this.players.forEach((video) => (video.playbackRate = speed));
    this.at_s = now_s;
    if (this.since_ms !== null) this.since_ms = performance.now();
  }

  place(video) {
    if (video.readyState > 0) video.currentTime = Math.min(this.now_s, video.duration);
  }

  // Start all at once: bring all to the same frame, wait until each has it, then go.
  async gather(at_s) {
    const turn = ++this.turn;
    this.since_ms = null;
    this.at_s = at_s;
    const all = [...this.players].filter((video) => video.readyState > 0 && at_s < video.duration);
    if (!all.length) return;
    for (const video of all) {
      video.pause();
      video.playbackRate = this.speed;
      this.place(video);
    }
    await patience(Promise.all(all.map(ready)));
    if (turn !== this.turn) return;
    await patience(Promise.all(all.map(startPlaying)));
    if (turn !== this.turn) return;
    this.at_s = middle(all.map((video) => video.currentTime));
    this.since_ms = performance.now();
    this.changed();
  }

  tick() {
    if (this.since_ms === null) return;
    if (this.leads()) {
      this.at_s = this.leader.currentTime;
      this.since_ms = performance.now();
    }
    if (this.now_s >= this.end_s - 0.5 / this.fps) this.wrap();
    else this.players.forEach((video) => this.align(video));
    this.changed();
  }

  leads() {
    const video = this.leader;
    return video && !video.paused && !video.seeking && video.readyState >= READY;
  }

  wrap() {
    if (this.looping) this.gather(0);
    else this.pause();
  }

  align(video) {
    if (video.readyState < 2 || video.seeking || video.ended || this.now_s >= video.duration) return;
    if (video.paused) {
      this.place(video); // new on the screen, or put to sleep by the browser
      startPlaying(video);
      return;
    }
    const drift_s = video.currentTime - this.now_s;
    if (video === this.leader || Math.abs(drift_s) < LEAVE_BELOW_S) video.playbackRate = this.speed;
    else if (Math.abs(drift_s) > SEEK_ABOVE_S) this.place(video);
    else video.playbackRate = this.speed * (1 - this.change(drift_s));
  }

  change(drift_s) {
    return clamp(drift_s / MAKE_UP_WITHIN_S, -SPEED_CHANGE_MAX, SPEED_CHANGE_MAX);
  }

  // Browsers stop muted videos of a page that is not looked at.
  pageTurned() {
    if (document.hidden && this.playing) {
      this.pause();
      this.goesOn = true;
    } else if (!document.hidden && this.goesOn) {
      this.goesOn = false;
      this.play();
    }
  }
}
