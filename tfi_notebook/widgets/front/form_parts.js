// Controls: each draws one field, and reads and writes its entry. `told(value, isDone)` is
// called at every keystroke, and with isDone once the entry is complete.

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function put(node, given, ...kids) {
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (name === "text") node.textContent = value;
    else if (value || value === 0) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...kids);
  return node;
}

const el = (tag, given = {}, ...kids) => put(document.createElement(tag), given, ...kids);

// What is left empty shows what will be sent for it.
function settle(input, field) {
  if ("default" in field && !input.value.trim()) input.value = field.default;
}

const button = (text, click, given = {}) => el("button", { type: "button", text, click, ...given });

function textControl(field, id, told) {
  const lines = field.kind === "lines";
  const input = el(lines ? "textarea" : "input", {
    id, rows: lines && 2, autocomplete: "off", spellcheck: "false",
    placeholder: { url: "https://…", uuid: "UUID, or a project's name" }[field.kind] ?? field.default,
    input: () => told(input.value),
    change: () => { settle(input, field); told(input.value, true); },
  });
  const control = { input, nodes: [input], get: () => input.value };
  control.set = (value) => { input.value = value; };
  if (field.options || field.kind === "uuid") {
    const list = el("datalist", { id: `${id}-o` });
    control.offer = (options) =>
      list.replaceChildren(...options.map(([value, label]) => el("option", { value, label })));
    control.offer(field.options ?? []);
    input.setAttribute("list", list.id);
    control.nodes.push(list);
  }
  return control;
}

function numberControl(field, id, told) {
  const read = () => {
    const text = input.value.trim();
    // what JSON has no number for (1e400) stays the text that it is, and is said to be wrong
    return text === "" || !Number.isFinite(Number(text)) ? text : Number(text);
  };
  // a text input, so that what is no number can be said to be none
  const input = el("input", {
    id, class: "tfi-number", inputmode: "decimal", autocomplete: "off", placeholder: field.default,
    input: () => { follow(); told(read()); },
    change: () => { settle(input, field); follow(); told(read(), true); },
  });
  const control = { input, nodes: [input], get: read };
  let follow = () => {};
  control.set = (value) => { input.value = value; follow(); };
  if (field.maximum !== undefined) {
    const range = el("input", {
      type: "range", min: field.minimum, max: field.maximum, step: field.step ?? "any",
      "aria-label": `${field.title}, slider`,
      input: () => { input.value = range.value; told(read()); },
      change: () => told(read(), true),
    });
    follow = () => { if (typeof read() === "number") range.value = read(); };
    control.nodes.unshift(range);
  }
  return control;
}

function flagControl(field, id, told) {
  const input = el("input", { id, type: "checkbox", change: () => told(input.checked, true) });
  return { input, nodes: [input], get: () => input.checked, set: (on) => { input.checked = on === true; } };
}

function choiceControl(field, id, told) {
  const input = el("select", { id, change: () => told(input.value, true) });
  const set = (value) => {
    if (![...input.options].some((option) => option.value === value)) input.add(new Option(value));
    input.value = value;
  };
  field.options.forEach(([value]) => set(value));
  return { input, nodes: [input], get: () => input.value, set };
}

function toggleControl(field, id, told) {
  const radios = field.options.map(([value, text], n) => {
    const radio = el("input", {
      type: "radio", name: id, id: `${id}-${n}`, change: () => told(value, true),
    });
    return [value, radio, el("label", { for: radio.id, text })];
  });
  const parts = radios.flatMap(([, radio, label]) => [radio, label]);
  const input = el("div", { id, class: "tfi-toggle", role: "radiogroup" }, ...parts);
  return {
    input, nodes: [input], focus: () => (radios.find(([, r]) => r.checked) ?? radios[0])[1].focus(),
    get: () => radios.find(([, radio]) => radio.checked)?.[0],
    set: (value) => radios.forEach(([own, radio]) => { radio.checked = own === value; }),
  };
}

function tagsControl(field, id, told) {
  let tags = [];
  const list = el("ul", { class: "tfi-tags", "aria-label": `${field.title}: entries` });
  const take = (next) => { tags = next; draw(); told([...tags], true); };
  const add = () => {
    const more = input.value.split(",").map((text) => text.trim()).filter(Boolean);
    input.value = "";
    if (more.length) take([...tags, ...more]);
  };
  const draw = () => list.replaceChildren(...tags.map((text, at) => el("li", { class: "tfi-tag" },
    el("span", { text }),
    button("×", () => { take(tags.filter((_, n) => n !== at)); input.focus(); },
      { "aria-label": `remove ${text}` }))));
  const input = el("input", {
    id, autocomplete: "off", placeholder: "type, then Enter or comma", change: add,
    keydown: (event) => {
      if (event.key === "Enter" || event.key === ",") { event.preventDefault(); add(); }
      if (event.key === "Backspace" && !input.value && tags.length) take(tags.slice(0, -1));
    },
  });
  return { input, nodes: [list, input], get: () => tags, set: (value) => { tags = value; draw(); } };
}

const CONTROLS = {
  int: numberControl, float: numberControl, flag: flagControl, choice: choiceControl,
  toggle: toggleControl, tags: tagsControl,
};
