// The form: draws the fields of `spec`, tells the kernel what is entered, shows what it says.

const SETTLE_MS = 150;

function render({ model, el: root }) {
  const me = Math.random().toString(36).slice(2);
  const send = (type, more, buffers) => model.send({ type, ...more }, undefined, buffers);
  const drawn = {};
  let pending = {}, sent = {}, count = 0, seen = 0, timer = 0, state = null, offered = [];
  const summary = el("p", { class: "tfi-summary", role: "status" });
  const groups = el("div", { class: "tfi-groups" });
  const reset = button("Reset", () => { pending = {}; send("reset"); },
    { class: "tfi-reset" });
  root.classList.add("tfi", "tfi-form");
  root.onkeydown = (event) => { // arrows and Enter on a slider or button are no notebook commands
    if (!event.ctrlKey && !event.metaKey && event.key !== "Escape") event.stopPropagation();
  };
  root.replaceChildren(groups, el("div", { class: "tfi-row" }, reset, summary));

  const flush = () => {
    clearTimeout(timer);
    if (!Object.keys(pending).length) return;
    count += 1;
    for (const name of Object.keys(pending)) sent[name] = count;
    send("entered", { view: me, count, changes: pending });
    pending = {};
  };

  const told = (name) => (value, isDone) => {
    pending[name] = value;
    root.dataset.entered = "typed";
    mark(name);
    frames();
    clearTimeout(timer);
    // at once: who presses Submit next means what has just been entered
    if (isDone) flush();
    else timer = setTimeout(flush, SETTLE_MS);
  };

  const mark = (name) => {
    const { field, control, badge } = drawn[name];
    const value = control.get();
    if (badge) badge.hidden = !(value === "" || same(value, field.default));
  };

  const frames = () => {
    const ratio = drawn.expand_ratio?.control.get();
    const crop = drawn.crop?.control.get();
    for (const { parts } of Object.values(drawn)) parts?.view?.show(crop, ratio === "" ? 0.5 : ratio);
  };

  const upload = async (name, file) => {
    const number = `${me}-${(count += 1)}`;
    const { takes_files: takes, file_max: most, part } = model.get("spec");
    send("upload", { field: name, name: file.name, size: file.size, number });
    for (let at = 0; takes && file.size <= most && at < file.size; at += part) {
      send("part", { field: name, number }, [await file.slice(at, at + part).arrayBuffer()]);
    }
  };

  const drawField = (field) => {
    const { name, title, help, source, kind } = field;
    const id = `${me}-${name}`;
    const control = (CONTROLS[kind] ?? textControl)(field, id, told(name));
    const label = kind === "toggle" ? el("span", { id: `${id}-l`, text: title })
      : el("label", { for: id, text: title });
    if (kind === "toggle") control.input.setAttribute("aria-labelledby", label.id);
    control.input.setAttribute("aria-describedby", `${id}-m ${id}-h`);
    const badge = "default" in field && el("span", { class: "tfi-tag tfi-default", text: "default" });
    const message = el("p", { id: `${id}-m`, class: "tfi-message" });
    const act = (type) => send(type, { field: name });
    const parts = kind === "url" && sourceParts(field, model.get("spec"), act, (f) => upload(name, f));
    const flag = kind === "flag" ? control.nodes : [];
    const node = el("div", { class: `tfi-field tfi-field-${name}`, "data-kind": kind },
      el("div", { class: "tfi-row" }, ...flag, label, ...(badge ? [badge] : [])));
    if (!flag.length) node.append(el("div", { class: "tfi-row tfi-control" }, ...control.nodes, ...(parts?.buttons ?? [])));
    node.append(el("div", { class: "tfi-said" }, el("p", { id: `${id}-h`, class: "tfi-muted tfi-help", text: help },
      el("small", { text: source && ` (${source})` })), message));
    if (parts) {
      node.append(parts.box);
      node.addEventListener("dragover", (event) => event.preventDefault());
      node.addEventListener("drop", (event) => {
        event.preventDefault();
        if (event.dataTransfer.files[0]) upload(name, event.dataTransfer.files[0]);
      });
    }
    drawn[name] = { field, control, badge, message, parts };
    return node;
  };

  const turn = el("input", {
    type: "checkbox", id: `${me}-t`, class: "tfi-template",
    change: () => { flush(); send("template", { on: turn.checked }); },
  });
  const template = el("div", { class: "tfi-row tfi-wide" }, turn,
    el("label", { for: turn.id, text: "Fill in this project's template" }));

  const draw = () => {
    const fields = model.get("spec").fields;
    const focused = root.contains(document.activeElement) && document.activeElement.id;
    Object.values(drawn).forEach(({ parts }) => parts?.view?.close());
    Object.keys(drawn).forEach((name) => delete drawn[name]);
    const titles = [...new Set(fields.map((field) => field.group))];
    groups.replaceChildren(...titles.map((title) => {
      const nodes = fields.filter((field) => field.group === title).map(drawField);
      if (title === "Project") nodes.splice(1, 0, template);
      return el("fieldset", {}, el("legend", { text: title }), el("div", { class: "tfi-grid" }, ...nodes));
    }));
    offer();
    if (state) apply();
    if (focused) document.getElementById(focused)?.focus();
  };

  const offer = () => drawn.project_id?.control.offer?.(offered.map((text) => [text]));

  const say = ({ control, message, field: { name } }) => {
    const [kind, text] = [["problem", state.problems[name]], ["muted", state.notes[name]],
      ["warning", state.advice[name]]].find(([, words]) => words) ?? ["muted", ""];
    message.className = `tfi-message tfi-message-${name} tfi-${kind}`;
    if (message.textContent !== text) message.textContent = text;
    control.input.setAttribute("aria-invalid", Boolean(state.problems[name]));
  };

  const sum = () => {
    const having = (told) => Object.values(drawn).filter(({ field }) => told[field.name]);
    const wrong = having(state.problems);
    const shown = wrong.length ? wrong : having(state.advice);
    const need = `${wrong.length} field${wrong.length > 1 ? "s need" : " needs"} a look: `;
    const words = wrong.length ? need : shown.length ? "nothing is wrong; a remark at: " : "every field is right";
    const key = words + shown.map(({ field }) => field.name).join();
    if (summary.dataset.key === key) return;
    summary.dataset.key = key;
    const links = shown.flatMap(({ field, control }, n) => [n ? ", " : "", button(field.title,
      () => (control.focus ? control.focus() : control.input.focus()), { class: "tfi-link" })]);
    summary.replaceChildren(words, ...links);
  };

  const apply = () => {
    for (const [name, { control, field }] of Object.entries(drawn)) {
      if (!(name in pending) && !(sent[name] > seen)) {
        const value = state.entered[name] ?? (field.kind === "tags" ? [] : "");
        if (!same(control.get(), value)) control.set(value);
      }
      mark(name);
      say(drawn[name]);
    }
    turn.checked = state.template;
    frames();
    sum();
    const waits = Object.keys(pending).length || Object.values(sent).some((at) => at > seen);
    root.dataset.entered = waits ? "typed" : "known";
  };

  const hear = (message, buffers) => {
    if (message.type === "state") {
      state = message;
      if (state.seen[0] === me) [, seen] = state.seen;
      apply();
    } else if (message.type === "projects") {
      ({ offered } = message);
      offer();
    } else if (message.type === "preview") {
      drawn[message.field]?.parts?.show(message, buffers);
      frames();
    } else if (message.type === "sound") {
      drawn[message.field]?.parts?.view?.hear?.(new Blob(buffers));
    }
  };

  const kernel = watchKernel(model, root);
  model.on("msg:custom", hear);
  model.on("change:spec", draw);
  draw();
  send("open");
  return () => {
    flush();
    kernel.end();
    model.off("msg:custom", hear);
    model.off("change:spec", draw);
    Object.values(drawn).forEach(({ parts }) => parts?.view?.close());
  };
}

export default { render };
