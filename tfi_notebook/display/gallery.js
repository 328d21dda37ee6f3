// The gallery: a matrix of videos on one clock.
//
// gallery_clock.js and gallery_parts.js stand above this text in the same module. The kernel is
// asked for everything: first for the tiles with their posters, then for the bytes of each video
// that comes near the screen. None of it is widget state, so none of it is saved. Until the kernel
// answers, and where there is none, the page shows the static sheet beside this widget.

const ASKED_MAX = 3; // videos on their way at a time
const KEPT_MAX = 24; // so many players stay attached, on the screen or not
const PLAYERS_MAX = 60; // browsers refuse more than about 75 to a page
const SILENCE_MS = 4000;
const SPEEDS = [0.25, 0.5, 1, 2];
const KEYS = [
  ["Space", "play, pause"],
  ["← →", "one frame back, on; with Shift one second"],
  ["Home End", "first, last frame"],
  ["Tab ↑ ↓", "from video to video"],
  ["A B", "this video is A, is B: both are compared"],
  ["M", "sound of this video on, off"],
  ["Z", "mouths near, whole pictures"],
  ["L", "loop on, off"],
  ["Esc", "end the comparison"],
];

class Gallery {
  constructor(model, element) {
    this.model = model;
    this.element = element;
    this.near = false;
    this.heard = null;
    this.chosen = { a: null, b: null };
    this.asked = new Set();
    this.onMessage = (content, buffers) => this.receive(content, buffers);
    model.on("msg:custom", this.onMessage);
    this.ask({ op: "open" });
  }

  close() {
    this.model.off("msg:custom", this.onMessage);
    clearTimeout(this.silence);
    this.observer?.disconnect();
    this.ensemble?.close();
    this.tiles?.forEach((tile) => URL.revokeObjectURL(tile.url));
    this.posters?.forEach((url) => URL.revokeObjectURL(url));
    if (this.sheet) this.sheet.style.display = "";
  }

  // -- the kernel --------------------------------------------------------------------------

  ask(content) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.say("waiting for the kernel: it is busy, or gone"), SILENCE_MS);
    this.model.send(content);
  }

  receive(content, buffers) {
    clearTimeout(this.silence);
    if (content.op === "tiles" && !this.tiles) this.build(content.gallery, buffers);
    const tile = content.op === "video" && this.tiles?.[content.tile];
    if (tile) this.take(tile, content, buffers);
  }

  take(tile, content, buffers) {
    this.asked.delete(tile);
    if (content.problem) tile.say(content.problem);
    else tile.receive(buffers[0]);
    this.arrange();
  }

  // -- the page ----------------------------------------------------------------------------

  build(spec, buffers) {
    this.posters = buffers.map((bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
    this.flows = spec.flows;
    this.ensemble = new Ensemble(spec.fps, () => this.refresh());
    this.tiles = spec.tiles.map((tile, n) => new Tile(this, n, tile, tile.has_poster ? this.posters[n] : ""));
    this.comparison = new Comparison(this);
    this.root = make("div", { className: "tfi-gallery" });
    this.root.setAttribute("role", "region");
    this.root.setAttribute("aria-label", spec.caption);
    const caption = make("div", { className: "tfi-caption", textContent: spec.caption });
    this.root.append(caption, this.transport(), this.comparison.node, this.matrix(spec), this.footer());
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.element.replaceChildren(this.root);
    this.hideSheet();
    this.watch();
    this.refresh();
  }

  transport() {
    const pressed = { attributes: { "aria-pressed": "true" } };
    const off = { attributes: { "aria-pressed": "false" } };
    this.start = button("play", "play (key Space)", () => this.ensemble.toggle());
    this.start.classList.add("tfi-start");
    this.scrub = control("input", { attributes: { type: "range", min: 0, value: 0, "aria-label": "frame" } });
    this.scrub.className = "tfi-scrub";
    this.scrub.addEventListener("input", () => this.ensemble.show(Number(this.scrub.value)));
    this.time = make("span", { className: "tfi-time" });
    this.loop = button("loop", "loop (key L)", () => this.toggleLoop(), pressed);
    this.mouths = button("Mouths", "zoom into the mouths (key Z)", () => this.zoom(), off);
    this.ear = button("mute", "sound (key M)", () => this.hear(this.heard ?? this.lastHeard), off);
    const bar = [this.start, this.scrub, this.time, this.speed(), this.loop, this.mouths, this.ear];
    return make("div", { className: "tfi-bar tfi-transport" }, ...bar);
  }

  speed() {
    const options = SPEEDS.map((speed) => make("option", { value: speed, textContent: `${speed}×` }));
    const list = control("select", { attributes: { "aria-label": "speed" } }, ...options);
    list.value = 1;
    list.addEventListener("change", () => this.ensemble.setSpeed(Number(list.value)));
    return list;
  }

  // Rows and columns with their names; a single row or column flows as the width allows.
  matrix(spec) {
    const { rows, columns } = spec;
    const matrix = make("div", { className: this.flows ? "tfi-flow" : "tfi-matrix" });
    if (this.flows) {
      matrix.append(...this.tiles.map((tile) => tile.node));
      return matrix;
    }
    const head = (text, name) => make("div", { className: name, textContent: text });
    const at = new Map(this.tiles.map((tile) => [`${tile.spec.row} ${tile.spec.column}`, tile.node]));
    matrix.style.setProperty("--tfi-columns", columns.length);
    matrix.append(head("", "tfi-corner"), ...columns.map((text) => head(text, "tfi-column")));
    rows.forEach((text, row) => {
      const cells = columns.map((_, column) => at.get(`${row} ${column}`) ?? make("div"));
      matrix.append(head(text, "tfi-row"), ...cells);
    });
    matrix.querySelectorAll(".tfi-corner, .tfi-column, .tfi-row").forEach((node) =>
      node.setAttribute("aria-hidden", "true")); // every tile is named in full
    return make("div", { className: "tfi-scroll" }, matrix);
  }

  footer() {
    this.status = make("div", { className: "tfi-status" });
    this.status.setAttribute("role", "status");
    const list = make("dl", {}, ...KEYS.flatMap(([keys, what]) =>
      [make("dt", { textContent: keys }), make("dd", { textContent: what })]));
    const help = make("details", {}, control("summary", { textContent: "Keys" }), list);
    return make("div", { className: "tfi-footer" }, this.status, help);
  }

  // A notebook keeps the static sheet as the output before this one.
  hideSheet() {
    const output = this.element.closest(".jp-OutputArea-child, .output_area");
    const before = output?.previousElementSibling;
    if (!before?.querySelector(".tfi-sheet")) return;
    this.sheet = before;
    this.sheet.style.display = "none";
  }

  say(text) {
    if (this.status && this.status.textContent !== text) this.status.textContent = text;
  }

  refresh() {
    if (!this.root) return;
    const { ensemble } = this;
    this.scrub.max = ensemble.frames - 1;
    this.scrub.value = ensemble.frame;
    const at = (ensemble.frame / ensemble.fps).toFixed(2);
    this.time.textContent = `${at} / ${ensemble.end_s.toFixed(2)} s`;
    this.scrub.setAttribute("aria-valuetext", `${at} s, frame ${ensemble.frame + 1} of ${ensemble.frames}`);
    const label = ensemble.playing ? "pause (key Space)" : "play (key Space)";
    if (this.start.title === label) return;
    this.start.replaceChildren(icon(ensemble.playing ? "pause" : "play"));
    this.start.title = label;
    this.start.setAttribute("aria-label", label);
  }

  // -- which videos are here ---------------------------------------------------------------

  watch() {
    const look = (entries) => {
      entries.forEach((entry) => (entry.target.tfiTile.visible = entry.isIntersecting));
      this.arrange();
    };
    const margin = "300px";
    this.observer = new IntersectionObserver(look, { rootMargin: margin, scrollMargin: margin });
    this.tiles.forEach((tile) => this.observer.observe(tile.node));
  }

  wanted(tile) {
    return tile.visible || tile === this.heard || Object.values(this.chosen).includes(tile);
  }

  arrange() {
    const films = this.tiles.filter((tile) => tile.spec.playable);
    films.filter((tile) => this.wanted(tile) && !tile.url && !tile.asked).forEach((tile) => this.fetch(tile));
    const attached = films.filter((tile) => tile.video.src);
    if (attached.length > KEPT_MAX) attached.filter((tile) => !this.wanted(tile)).forEach((tile) => tile.detach());
    const room = PLAYERS_MAX - films.filter((tile) => tile.video.src).length;
    films.filter((tile) => tile.url && !tile.video.src && this.wanted(tile)).slice(0, room)
      .forEach((tile) => tile.attach());
    this.openComparison();
    if (this.asked.size) this.say(`loading ${this.asked.size} of ${films.length} videos`);
    else if (this.status.textContent.startsWith("loading")) this.say("");
  }

  fetch(tile) {
    if (this.asked.size >= ASKED_MAX) return;
    tile.asked = true;
    this.asked.add(tile);
    this.ask({ op: "video", tile: tile.index });
  }

  loaded(tile) {
    const { videoWidth, videoHeight } = tile.video;
    if (videoWidth) this.root.style.setProperty("--tfi-aspect", `${videoWidth} / ${videoHeight}`);
    this.ensemble.add(tile.video);
    if (tile === this.heard) this.ensemble.leader = tile.video;
  }

  // -- what a person does ------------------------------------------------------------------

  toggleLoop() {
    this.ensemble.looping = !this.ensemble.looping;
    press(this.loop, this.ensemble.looping);
  }

  zoom() {
    this.near = !this.near;
    press(this.mouths, this.near);
    this.tiles.forEach((tile) => tile.zoom(this.near));
    this.comparison.zoom(this.near);
  }

  // One video is heard at a time; the same one again is silence.
  hear(tile = this.tiles.find((other) => other.spec.playable)) {
    if (!tile?.spec.playable) return;
    const next = tile === this.heard ? null : tile;
    if (this.heard) this.heard.video.muted = true;
    this.heard?.ear && press(this.heard.ear, false);
    Object.assign(this, { heard: next, lastHeard: tile });
    this.ensemble.leader = next?.video ?? null;
    if (next) next.video.muted = false;
    press(tile.ear, Boolean(next));
    press(this.ear, Boolean(next));
    this.ear.replaceChildren(icon(next ? "sound" : "mute"));
    this.say(next ? `sound of ${tile.spec.label}` : "no sound");
    this.arrange();
  }

  choose(side, tile) {
    if (!tile.spec.playable) return;
    const other = side === "a" ? "b" : "a";
    if (this.chosen[other] === tile) this.chosen[other] = null;
    this.chosen[side] = this.chosen[side] === tile ? null : tile;
    this.mark();
    const missing = ["a", "b"].filter((name) => !this.chosen[name]);
    if (missing.length === 1) this.say(`now choose ${missing[0].toUpperCase()} to compare with`);
    this.arrange();
  }

  compare(a, b) {
    this.chosen = { a, b };
    this.mark();
    this.arrange();
  }

  mark() {
    this.tiles.filter((tile) => tile.a).forEach((tile) => {
      press(tile.a, tile === this.chosen.a);
      press(tile.b, tile === this.chosen.b);
    });
  }

  openComparison() {
    const { a, b } = this.chosen;
    const now = this.comparison;
    if (!a || !b) now.clear();
    else if (a.url && b.url && (now.node.hidden || now.a !== a || now.b !== b)) {
      now.open(a, b);
      this.say(`A: ${a.spec.label}; B: ${b.spec.label}`);
    }
  }

  endComparison() {
    const last = this.chosen.a ?? this.chosen.b;
    this.compare(null, null);
    this.say("");
    last?.node.focus();
  }

  // -- the keyboard ------------------------------------------------------------------------

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
    const native = event.target.matches("button, summary") && [" ", "Enter"].includes(event.key);
    const divides = event.target.matches(".tfi-slider") && /^(Arrow|Home|End|Page)/.test(event.key);
    const act = native || divides ? null : this.action(event);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  action({ key, shiftKey, target }) {
    const { ensemble } = this;
    const tile = target.closest(".tfi-tile")?.tfiTile;
    const stride = shiftKey ? Math.round(ensemble.fps) : 1;
    const actions = {
      " ": () => ensemble.toggle(),
      ArrowLeft: () => ensemble.show(ensemble.frame - stride),
      ArrowRight: () => ensemble.show(ensemble.frame + stride),
      Home: () => ensemble.show(0),
      End: () => ensemble.show(ensemble.frames - 1),
      ArrowUp: tile && (() => this.move(tile, -1)),
      ArrowDown: tile && (() => this.move(tile, 1)),
      a: tile && (() => this.choose("a", tile)),
      b: tile && (() => this.choose("b", tile)),
      m: () => this.hear(tile ?? this.heard ?? this.lastHeard),
      l: () => this.toggleLoop(),
      z: () => this.zoom(),
      Escape: (this.chosen.a || this.chosen.b) && (() => this.endComparison()),
    };
    return actions[key.length === 1 ? key.toLowerCase() : key];
  }

  // Up and down go by where the tiles lie, whatever the layout.
  move(tile, direction) {
    const from = tile.node.getBoundingClientRect();
    const places = this.tiles.map((other) => [other, other.node.getBoundingClientRect()]);
    const there = places.filter(([, box]) => direction * (box.top - from.top) > 1);
    const far = ([, box]) => Math.abs(box.top - from.top) + Math.abs(box.left - from.left) / 1000;
    there.sort((one, two) => far(one) - far(two))[0]?.[0].node.focus();
  }
}

export default {
  render({ model, el }) {
    const gallery = new Gallery(model, el);
    return () => gallery.close();
  },
};
