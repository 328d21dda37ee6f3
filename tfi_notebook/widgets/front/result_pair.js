// A result beside an earlier one, both under one clock (gallery_clock.js stands above this text in
// the same module). The kernel sends it with the first earlier video: few results are compared.

class Pair {
  constructor(result, bytes) {
    this.result = result;
    const shown = result.model.get("shown");
    this.films = [result.video, Object.assign(document.createElement("video"), { playsInline: true })];
    const label = result.other.selectedOptions[0].text;
    const [first, second] = this.films;
    second.setAttribute("aria-label", `earlier video: ${label}`);
    this.name = Object.assign(document.createElement("div"), { className: "tfi-muted" });
    this.name.textContent = `right: ${label}`;
    this.bar = this.controls();
    this.clock = new Ensemble(shown.fps, () => this.refresh());
    this.clock.leader = first; // the one that is heard
    this.clock.looping = result.looping;
    this.clock.setSpeed(Number(result.speed.value));
    second.muted = true;
    second.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
    result.stage.append(second);
    result.stage.after(this.name, this.bar);
    result.el.classList.add("tfi-two");
    this.films.forEach((film) => this.take(film));
  }

  controls() {
    const bar = document.createElement("div");
    bar.className = "tfi-bar";
    this.start = document.createElement("button");
    this.start.type = "button";
    this.start.className = "tfi-start";
    this.start.addEventListener("click", () => this.clock.toggle());
    this.scrub = document.createElement("input");
    Object.assign(this.scrub, { type: "range", min: 0, value: 0, className: "tfi-scrub" });
    this.scrub.setAttribute("aria-label", "frame");
    this.scrub.addEventListener("input", () => this.clock.show(Number(this.scrub.value)));
    this.time = document.createElement("span");
    this.time.className = "tfi-muted";
    bar.append(this.start, this.scrub, this.time);
    return bar;
  }

  take(film) {
    film.pause();
    film.controls = film.loop = false;
    film.addEventListener("click", (this.toggle ??= () => this.clock.toggle()));
    if (film.readyState) this.clock.add(film);
    else film.addEventListener("loadedmetadata", () => this.clock.add(film), { once: true });
  }

  refresh() {
    const { playing, frame, frames } = this.clock;
    this.start.textContent = playing ? "pause both" : "play both";
    this.scrub.max = frames - 1;
    this.scrub.value = frame;
    this.time.textContent = `frame ${frame + 1} of ${frames}`;
  }

  step(frames) {
    if (this.clock.playing) this.clock.pause();
    this.clock.show(this.clock.frame + frames);
  }

  close() {
    const { video, looping, el } = this.result;
    const second = this.films[1];
    this.clock.close();
    URL.revokeObjectURL(second.src);
    [second, this.name, this.bar].forEach((node) => node.remove());
    el.classList.remove("tfi-two");
    video.removeEventListener("click", this.toggle);
    video.pause();
    video.controls = true;
    video.loop = looping;
  }
}

export { Pair };
