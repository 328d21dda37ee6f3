// What the gallery is made of: one tile of the matrix, and the comparison of two.
//
// Foreign text only ever becomes textContent or an attribute, never markup.

const ZOOM_MAX = 6;
const MOUTH_FILLS = 0.62;
const NO_MOUTH = [0.3, 0.3, 0.4, 0.4];
const ICONS = {
  play: "M7 4v16l13-8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  loop: "M17 2l4 4-4 4V7H7v4H5V5h12zM7 22l-4-4 4-4v3h10v-4h2v6H7z",
  sound: "M3 9v6h4l6 5V4L7 9zM16 8a5 5 0 0 1 0 8zM16 3a10 10 0 0 1 0 18v-2a8 8 0 0 0 0-14z",
  mute: "M3 9v6h4l6 5V4L7 9zM15 9l1.4-1.4 2.1 2.1 2.1-2.1L22 9l-2.1 2.1L22 13.2l-1.4 1.4-2.1-2.1-2.1 2.1-1.4-1.4 2.1-2.1z",
};
function make(tag, properties = {}, ...children) {
  const { attributes = {}, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  node.append(...children);
  return node;
}

// What can be focused keeps JupyterLab's one-key shortcuts away: "a" must not insert a cell.
function control(tag, properties = {}, ...children) {
  const attributes = { "data-lm-suppress-shortcuts": "true", ...properties.attributes };
  return make(tag, { ...properties, attributes }, ...children);
}

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(space, "path"));
  svg.firstChild.setAttribute("d", ICONS[name]);
  return svg;
}

function button(name, label, act, extra = {}) {
  const face = ICONS[name] ? icon(name) : name;
  const attributes = { "aria-label": label, type: "button", ...extra.attributes };
  const node = control("button", { ...extra, title: label, attributes }, face);
  node.classList.add("tfi-button");
  node.addEventListener("click", (event) => (event.stopPropagation(), act(node)));
  return node;
}

function press(node, pressed) {
  node.setAttribute("aria-pressed", String(pressed));
}

function player(poster) {
  const node = make("video", { muted: true, playsInline: true, preload: "auto", tabIndex: -1 });
  node.setAttribute("aria-hidden", "true");
  node.disablePictureInPicture = true;
  if (poster) node.poster = poster;
  return node;
}

// Lay the middle of the mouth into the middle of the frame, as far as no edge comes into view.
function nearMouth([left, top, width, height]) {
  const scale = clamp(Math.min(MOUTH_FILLS / width, MOUTH_FILLS / height), 1, ZOOM_MAX);
  const shift = (low, size) => 100 * clamp(0.5 - scale * (low + size / 2), 1 - scale, 0);
  return `translate(${shift(left, width)}%, ${shift(top, height)}%) scale(${scale})`;
}

class Tile {
  constructor(gallery, index, spec, poster) {
    Object.assign(this, { gallery, index, spec, poster, url: "", asked: false, visible: false });
    this.frame = make("div", { className: "tfi-frame" });
    const label = [spec.label, ...spec.numbers.map((pair) => pair.join(" ")), spec.note];
    const attributes = { role: "group", "aria-label": label.filter(Boolean).join(", ") };
    this.node = control("figure", { className: "tfi-tile", tabIndex: 0, attributes }, this.frame);
    this.node.append(this.caption());
    this.node.tfiTile = this;
    if (poster || spec.playable) this.frame.append((this.video = player(poster)));
    if (spec.note) this.say(spec.note);
    this.frame.addEventListener("click", () => gallery.ensemble.toggle());
  }

  caption() {
    const [headline, ...others] = this.spec.numbers;
    const caption = make("figcaption");
    if (this.gallery.flows) caption.append(make("div", { className: "tfi-title", textContent: this.spec.label }));
    const line = make("div", { className: "tfi-line" });
    if (headline) line.append(this.number(headline, "tfi-headline"));
    if (this.spec.playable) line.append(this.buttons());
    caption.append(line);
    others.forEach((pair) => caption.append(this.number(pair, "tfi-number")));
    return caption;
  }

  number([name, text], className) {
    const value = make("b", { textContent: text });
    return make("span", { className }, make("span", { textContent: name }), " ", value);
  }

  buttons() {
    const off = { tabIndex: -1, attributes: { "aria-pressed": "false" } };
    const name = this.spec.label;
    this.a = button("A", `A: compare ${name} (key A)`, () => this.gallery.choose("a", this), off);
    this.b = button("B", `B: compare ${name} (key B)`, () => this.gallery.choose("b", this), off);
    this.ear = button("sound", `sound of ${name} (key M)`, () => this.gallery.hear(this), off);
    return make("span", { className: "tfi-buttons" }, this.a, this.b, this.ear);
  }

  say(text) {
    this.frame.querySelector(".tfi-note")?.remove();
    if (text) this.frame.append(make("div", { className: "tfi-note", textContent: text }));
  }

  receive(bytes) {
    this.url ||= URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
    this.say(this.spec.note);
  }

  attach() {
    if (!this.url || this.video.src) return;
    this.video.src = this.url;
    this.video.addEventListener("loadedmetadata", () => this.gallery.loaded(this), { once: true });
    this.video.addEventListener("error", () => this.say("this browser cannot play it"), { once: true });
  }

  detach() {
    if (!this.video?.src) return;
    this.gallery.ensemble.remove(this.video);
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load(); // frees the decoder and brings the poster back
  }

  zoom(near) {
    if (this.video) this.video.style.transform = near ? nearMouth(this.spec.mouth ?? NO_MOUTH) : "";
  }
}

// Two videos over one another, the second one seen to the right of a divider.
class Comparison {
  constructor(gallery) {
    this.gallery = gallery;
    this.a = this.b = null;
    this.node = make("section", { className: "tfi-comparison", hidden: true });
    this.node.setAttribute("aria-label", "comparison of A and B");
  }

  open(a, b) {
    this.clear();
    Object.assign(this, { a, b });
    this.films = [a, b].map((tile) => this.film(tile));
    this.cover = make("div", { className: "tfi-cover" }, this.films[1]);
    this.divider = make("div", { className: "tfi-divider" });
    const names = [a, b].map((tile, n) =>
      make("span", { className: "tfi-name", textContent: `${"AB"[n]} · ${tile.spec.label}` }));
    this.stage = make("div", { className: "tfi-stage" }, this.films[0], this.cover, this.divider, ...names);
    this.node.replaceChildren(this.stage, this.controls());
    this.node.hidden = false;
    this.zoom(this.gallery.near);
    this.listen();
    this.divide(50);
    this.slider.focus();
  }

  film(tile) {
    const video = player(tile.poster);
    video.addEventListener("loadedmetadata", () => this.gallery.ensemble.add(video), { once: true });
    video.src = tile.url;
    return video;
  }

  controls() {
    const attributes = { type: "range", min: 0, max: 100, "aria-label": "divider: A to its left, B to its right" };
    this.slider = control("input", { className: "tfi-slider", attributes });
    this.slider.addEventListener("input", () => this.divide(Number(this.slider.value)));
    const swap = button("A ⇄ B", "swap A and B", () => this.gallery.compare(this.b, this.a));
    const end = button("✕", "end the comparison (key Esc)", () => this.gallery.endComparison());
    return make("div", { className: "tfi-bar" }, this.slider, swap, end);
  }

  listen() {
    const drag = (event) => {
      const box = this.stage.getBoundingClientRect();
      this.divide(clamp(100 * (event.clientX - box.left) / box.width, 0, 100));
    };
    this.stage.addEventListener("pointerdown", (event) => {
      this.stage.setPointerCapture(event.pointerId);
      drag(event);
    });
    this.stage.addEventListener("pointermove", (event) => event.buttons && drag(event));
  }

  divide(percent) {
    this.slider.value = percent;
    this.slider.setAttribute("aria-valuetext", `${Math.round(percent)} % of A`);
    this.cover.style.clipPath = `inset(0 0 0 ${percent}%)`;
    this.divider.style.left = `${percent}%`;
  }

  zoom(near) {
    if (this.node.hidden) return;
    [this.a, this.b].forEach((tile, n) =>
      (this.films[n].style.transform = near ? nearMouth(tile.spec.mouth ?? NO_MOUTH) : ""));
  }

  clear() {
    this.films?.forEach((video) => {
      this.gallery.ensemble.remove(video);
      video.removeAttribute("src");
    });
    this.films = null;
    this.node.hidden = true;
    this.node.replaceChildren();
  }
}
