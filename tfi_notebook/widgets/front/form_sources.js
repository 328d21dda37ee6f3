// Pictures and sounds: URL, upload, sample, and what is known of the file behind the URL.

const TYPES = { picture: ".png,.jpg,.jpeg,.webp,.bmp", sound: ".mp3,.wav,.m4a,.flac,.ogg,.aac" };
const HAIR = 0.06;

// The square that the local renderer cuts: x, y and side in px; see `face_square` there.
function faceSquare([width, height], [x0, y0, x1, y1], ratio) {
  const face = Math.max(x1 - x0, y1 - y0);
  const side = Math.round(Math.max(face, Math.min(face * (1 + 2 * ratio), width, height)));
  const inside = (start, limit) => side >= limit
    ? Math.floor((limit - side) / 2) : Math.min(Math.max(start, 0), limit - side);
  const x = inside(Math.round((x0 + x1 - side) / 2), width);
  return [x, inside(Math.round((y0 + y1 - side) / 2 - HAIR * side), height), side];
}

function place(box, [width, height], [x, y, w, h]) {
  const part = (share) => `${share * 100}%`;
  box.style.inset = `${part(y / height)} auto auto ${part(x / width)}`;
  box.style.width = part(w / width);
  box.style.height = part(h / height);
}

function pictureView(field, facts, blob) {
  const url = URL.createObjectURL(blob);
  const [width, height] = facts.size;
  const frame = el("i", { class: "tfi-frame" });
  const words = el("p", { class: "tfi-muted" });
  const photo = el("span", { class: "tfi-photo" },
    el("img", { class: `tfi-preview-${field.name}`, src: url, alt: `preview of ${field.title}` }));
  if (facts.face) {
    const [x0, y0, x1, y1] = facts.face;
    const face = el("i", { class: "tfi-face" });
    place(face, facts.size, [x0, y0, x1 - x0, y1 - y0]);
    photo.append(face, frame);
  }
  const show = (crop, ratio) => {
    const cut = facts.face && crop && Number.isFinite(ratio);
    const [x, y, side] = cut ? faceSquare(facts.size, facts.face, ratio) : [];
    frame.hidden = !cut;
    if (cut) place(frame, facts.size, [x, y, side, side]);
    frame.dataset.square = `${x} ${y} ${side}`;
    const part = cut ? ` · crop ${side} × ${side} px` : "";
    words.textContent = `${facts.file} · ${width} × ${height} px${facts.face ? "" : " · no face"}${part}`;
  };
  return { nodes: [photo, words], show, close: () => URL.revokeObjectURL(url) };
}

function wave(field, peaks) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS(svg.namespaceURI, "path");
  put(svg, {
    viewBox: `0 -100 ${peaks.length} 200`, preserveAspectRatio: "none", role: "img",
    class: `tfi-wave tfi-preview-${field.name}`, "aria-label": `waveform of ${field.title}`,
  });
  path.setAttribute("d", peaks.map((peak, x) => `M${x}.5 ${-peak - 1}V${peak + 1}`).join(""));
  svg.append(path);
  return svg;
}

function soundView(field, facts, ask) {
  let url = "";
  let wanted = false;
  const play = button("Play", () => { wanted = true; ask(); },
    { "aria-label": `play ${field.title}` });
  const words = el("span", { class: "tfi-muted", text: `${facts.file} · ${facts.duration} s` });
  const hear = (blob) => {
    if (!wanted || url) return;
    url = URL.createObjectURL(blob);
    const player = el("audio", { controls: true, src: url, "aria-label": field.title });
    play.replaceWith(player);
    player.play().catch(() => {});
    player.focus();
  };
  const row = el("div", { class: "tfi-row" }, play, words);
  return { nodes: [wave(field, facts.peaks), row], hear, show() {}, close: () => URL.revokeObjectURL(url) };
}

// The buttons beside a URL and the preview below it; `act(type, more)` asks the kernel.
function sourceParts(field, spec, act, upload) {
  const file = el("input", {
    type: "file", hidden: true, accept: TYPES[field.media],
    change: () => { if (file.files[0]) upload(file.files[0]); file.value = ""; },
  });
  const buttons = [button("Upload", () => file.click(), {
    class: `tfi-upload-${field.name}`, disabled: !spec.takes_files, "aria-label": `upload ${field.title}`,
  }), file];
  if (spec.samples.includes(field.media)) buttons.push(
    button("Sample", () => act("sample"), { "aria-label": `sample for ${field.title}` }));
  // where there are samples there mostly is a preview: its place is kept, so that nothing jumps
  const room = spec.samples.length ? "tfi-roomy" : "";
  const box = el("div", { class: `tfi-preview tfi-of-${field.media} ${room}` });
  const parts = { buttons, box, view: null };
  parts.show = (facts, buffers = []) => {
    parts.view?.close();
    const [data] = buffers;
    parts.view = { picture: () => pictureView(field, facts, new Blob([data], { type: "image/jpeg" })),
      sound: () => soundView(field, facts, () => act("play")) }[facts.kind]?.() ?? null;
    const blank = (spec.takes_files && facts.blank) || "";
    box.replaceChildren(...(parts.view?.nodes ?? [el("p", { class: "tfi-muted", text: blank })]));
  };
  parts.show({});
  return parts;
}
