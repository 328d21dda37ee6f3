// A finished video. Its bytes come as messages of the kernel, so that no notebook saves them.
const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2];

function make(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function write(node, text) {  // a live region speaks only when its text changes
  if (node.textContent !== text) node.textContent = text;
}

function link(bytes, type) {
  return URL.createObjectURL(new Blob([bytes], { type }));
}

class Result {
  constructor(model, el) {
    Object.assign(this, { model, el, bytes: null, pair: null });
    el.classList.add("tfi", "tfi-result");
    el.dataset.lmSuppressShortcuts = "true";  // "," and "." are ours, not the notebook's
    this.build();
    el.addEventListener("keydown", (event) => this.key(event));
    model.on("change:shown", this.draw);
    model.on("change:about change:problem", this.tell);
    model.on("msg:custom", this.take);
    this.draw();
    model.send({ type: "open" });
  }

  close() {
    const { model } = this;
    model.off("change:shown", this.draw);
    model.off("change:about change:problem", this.tell);
    model.off("msg:custom", this.take);
    this.clear();
  }

  build() {
    this.video = Object.assign(make("video", "tfi-video"), { controls: true, playsInline: true });
    this.stage = make("div", "tfi-stage");
    this.stage.append(this.video);
    this.bar = make("div", "tfi-bar");
    this.button("‹ frame", () => this.step(-1)).title = "one frame back (key ,)";
    this.button("frame ›", () => this.step(1)).title = "one frame on (key .)";
    this.loop = this.button("loop", () => this.setLoop(!this.looping));
    this.speed = this.choice("speed", SPEEDS.map((n) => [n, `${n}×`]), () => this.setSpeed());
    this.other = this.choice("compare with", [], () => this.compare());
    this.button("download", () => this.download());
    this.judge = this.button("score it", () => this.model.send({ type: "score" }));
    this.note = make("div", "tfi-muted tfi-note");
    this.note.role = "status";
    this.problem = make("div", "tfi-problem");
    this.problem.role = "alert";
    this.caption = make("div", "tfi-caption");
    this.tables = make("div", "tfi-tables");
    this.el.append(this.stage, this.bar, this.note, this.problem, this.caption, this.tables);
    this.speed.value = 1;
    this.setLoop(false);
  }

  button(text, act) {
    const node = Object.assign(make("button", "", text), { type: "button" });
    node.addEventListener("click", act);
    this.bar.append(node);
    return node;
  }

  choice(text, options, act) {
    const label = make("label", "", `${text} `);
    const list = make("select", "");
    label.append(list);
    this.bar.append(label);
    this.offer(list, options);
    list.addEventListener("change", act);
    return list;
  }

  offer(list, options) {
    list.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  }

  draw = () => {
    const shown = this.model.get("shown");
    this.clear();
    this.el.hidden = !shown.key;
    this.caption.innerHTML = shown.caption ?? "";  // made and escaped by Python
    this.stage.hidden = this.bar.hidden = !shown.plays;
    this.video.ariaLabel = `video ${shown.file}`;
    this.tell();
  };

  tell = () => {
    const { tables = "", scored, scoring, earlier = [] } = this.model.get("about");
    write(this.note, scoring ? "scoring: this takes some seconds …" : this.model.get("shown").note ?? "");
    write(this.problem, this.model.get("problem"));
    this.judge.disabled = scoring || scored;
    if (this.told !== tables) this.tables.innerHTML = this.told = tables;  // as the caption
    this.other.parentNode.hidden = !earlier.length;
    if (this.earlier === String(earlier)) return;
    this.earlier = String(earlier);
    this.offer(this.other, [["", "–"], ...earlier]);
  };

  take = (told, [bytes]) => {
    if (told.type === "other") this.beside(told, bytes);
    else if (told.key !== this.model.get("shown").key) return;
    else if (told.type === "poster") this.video.poster = link(bytes, "image/jpeg");
    else if (!this.bytes) {
      this.bytes = bytes;
      this.video.src = link(bytes, "video/mp4");
      this.setSpeed();
    }
  };

  clear() {
    const { video } = this;
    this.alone();
    this.bytes = null;
    ["src", "poster"].forEach((name) => {
      URL.revokeObjectURL(video[name]);
      video.removeAttribute(name);
    });
    video.load();
  }

  compare() {
    this.alone();
    if (this.other.value) this.model.send({ type: "compare", key: this.other.value });
  }

  // What two videos need comes with the first that is compared.
  async beside({ key, module }, bytes) {
    this.module ??= await import(link(module, "text/javascript"));
    if (this.other.value === key && !this.pair) this.pair = new this.module.Pair(this, bytes);
  }

  alone() {
    this.pair?.close();
    this.pair = null;
  }

  setLoop(looping) {
    this.looping = looping;
    this.loop.ariaPressed = looping;
    if (this.pair) this.pair.clock.looping = looping;
    else this.video.loop = looping;
  }

  setSpeed() {
    const speed = Number(this.speed.value);
    this.pair?.clock.setSpeed(speed);
    this.video.playbackRate = this.video.defaultPlaybackRate = speed;
  }

  step(frames) {
    const { pair, video } = this;
    if (pair) return pair.step(frames);
    const { fps } = this.model.get("shown");
    const frame = Math.floor(video.currentTime * fps + 1e-6) + frames;
    video.pause();
    video.currentTime = Math.min(Math.max(0, (frame + 0.5) / fps), video.duration || 0);
  }

  key(event) {
    const frames = { ",": -1, ".": 1 }[event.key];
    if (!frames || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.step(frames);
  }

  download() {
    const href = link(this.bytes, "video/mp4");
    Object.assign(make("a"), { href, download: this.model.get("shown").file }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10000);
  }
}

export default {
  render({ model, el }) {
    const result = new Result(model, el);
    return () => result.close();
  },
};
