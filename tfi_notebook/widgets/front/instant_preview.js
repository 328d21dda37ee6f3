// A short clip. When a newer one comes the old one stays until the newer can go on in its place.
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

function render({ model, el }) {
  const label = make("label");
  const on = make("input", { type: "checkbox" });
  const mark = make("span", { className: "tfi-mark", textContent: "local preview, not TFI's model" });
  const pause = make("button", { type: "button" });
  const head = make("div", { className: "tfi-instant-head" });
  const figure = make("div", { className: "tfi-clip" });
  const blank = make("p");
  const note = make("div", { className: "tfi-muted" });
  const problem = make("div", { className: "tfi-warning", role: "status" });
  let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  let video = null;

  function start() {
    pause.textContent = playing ? "pause" : "play";
    if (playing) video?.play().catch(() => {});
    else video?.pause();
  }

  function take(told, [bytes]) {
    const src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
    const next = make("video", { src, muted: true, loop: true, playsInline: true, ariaLabel: "preview" });
    next.onloadeddata = () => {
      next.onloadeddata = null;
      if (video) {
        next.currentTime = Math.min(video.currentTime, next.duration);
        URL.revokeObjectURL(video.src);
      }
      figure.replaceChildren((video = next));
      start();
    };
  }

  function draw() {
    const state = model.get("state");
    on.checked = model.get("on");
    [figure, note, pause].forEach((node) => (node.hidden = !on.checked));
    figure.ariaBusy = state.busy;
    figure.classList.toggle("tfi-stale", Boolean(state.problem));
    note.textContent = state.note;
    blank.textContent = state.blank;
    if (problem.textContent !== state.problem) problem.textContent = state.problem;
  }

  on.onchange = () => {
    model.set("on", on.checked);
    model.save_changes();
  };
  pause.onclick = () => {
    playing = !playing;
    start();
  };
  el.classList.add("tfi", "tfi-instant");
  label.append(on, " Instant preview");
  figure.append(blank);
  head.append(label, mark, pause);
  el.append(head, figure, note, problem);
  model.on("change:state change:on", draw);
  model.on("msg:custom", take);
  draw();
  start();
  model.send({ type: "open" });
  return () => {
    model.off("change:state change:on", draw);
    model.off("msg:custom", take);
    if (video) URL.revokeObjectURL(video.src);
  };
}

export default { render };
