// The payload as JSON, Python and cURL to copy, and a place to paste one back.
const TABS = [["json", "JSON"], ["python", "Python"], ["curl", "cURL"], ["paste", "Paste"]];
const ANSWER_MS = 5000;
let boxes = 0;

function make(tag, className = "", text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function button(text, className, onClick) {
  const node = make("button", className, text);
  node.type = "button";
  node.addEventListener("click", onClick);
  return node;
}

// For pages without the clipboard's rights, such as an iframe or plain http.
function copiedByHand(text, root) {
  const before = document.activeElement;
  const area = make("textarea", "tfi-visually-hidden");
  area.value = text;
  root.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus?.();
  return done;
}

async function copied(text, root) {
  try {
    // a promise inside keeps the click's right to copy while the kernel answers
    const blob = text.then((found) => new Blob([found], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    return true;
  } catch {
    return copiedByHand(await text, root);
  }
}

function render({ model, el }) {
  const id = `tfi-payload-${++boxes}`;
  const waiting = new Map();
  const tabs = {};
  const panels = {};
  let open = "json";
  el.classList.add("tfi", "tfi-payload-box");

  const list = make("div", "tfi-tablist");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", "Payload");
  // JupyterLab has arrow keys of its own
  list.dataset.lmSuppressShortcuts = "true";
  const status = make("span", "tfi-payload-status tfi-muted");
  status.setAttribute("role", "status");
  const note = make("p", "tfi-muted");
  const cut = make("span", "tfi-payload-cut tfi-muted");
  const copy = button("Copy", "tfi-copy", () => void onCopy());
  const foot = make("div", "tfi-payload-foot");

  const label = make("label", "", "JSON, a cURL command, or tfi.build_payload(...)");
  const area = make("textarea", "tfi-paste");
  area.id = `${id}-text`;
  label.htmlFor = area.id;
  area.rows = 7;
  area.spellcheck = false;
  // Shift+Enter would run the cell
  area.dataset.lmSuppressShortcuts = "true";
  const problem = make("p", "tfi-problem tfi-paste-problem");
  problem.id = `${id}-problem`;
  problem.setAttribute("role", "alert");
  area.setAttribute("aria-describedby", problem.id);
  const load = button("Load into form", "tfi-load", onLoad);

  for (const [name, title] of TABS) {
    const tab = button(title, "", () => choose(name));
    const panel = make("div", "tfi-payload-panel");
    tab.id = `${id}-${name}-tab`;
    panel.id = `${id}-${name}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    if (name === "paste") panel.append(label, area, load, problem);
    else {
      // it scrolls
      panel.tabIndex = 0;
      panel.append(make("pre", `tfi-${name}`));
      if (name === "curl") panel.prepend(note);
    }
    tabs[name] = tab;
    panels[name] = panel;
    list.append(tab);
  }
  foot.append(copy, cut, status);
  el.append(list, ...Object.values(panels), foot);

  list.addEventListener("keydown", (event) => {
    const names = Object.keys(tabs);
    const at = names.indexOf(open);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(names.at(to % names.length));
    tabs[open].focus();
  });

  function choose(name) {
    open = name;
    say("");
    drawTabs();
  }

  function say(text) {
    status.textContent = text;
  }

  async function onCopy() {
    const shown = model.get(`${open}_text`);
    try {
      const text = model.get("is_cut") ? asked(open) : Promise.resolve(shown);
      say((await copied(text, el)) ? "copied" : "not copied: select the text");
    } catch {
      say("not copied: the kernel does not answer");
    }
  }

  function asked(name) {
    return new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      setTimeout(reject, ANSWER_MS);
      model.send({ type: "copy", name });
    });
  }

  function onLoad() {
    problem.textContent = "";
    area.removeAttribute("aria-invalid");
    model.send({ type: "paste", text: area.value });
  }

  function onMessage(message) {
    if (message.type === "copy") {
      waiting.get(message.name)?.(message.text);
      waiting.delete(message.name);
    } else if (message.type === "pasted" && message.problem) {
      problem.textContent = message.problem;
      area.setAttribute("aria-invalid", "true");
      area.focus();
    } else if (message.type === "pasted") {
      area.value = "";
      choose("json");
      tabs.json.focus();
      say("loaded into the form");
    }
  }

  function drawTabs() {
    for (const [name, tab] of Object.entries(tabs)) {
      tab.setAttribute("aria-selected", String(name === open));
      tab.tabIndex = name === open ? 0 : -1;
      panels[name].hidden = name !== open;
    }
    copy.hidden = open === "paste";
    draw();
  }

  function draw() {
    for (const name of ["json", "python", "curl"]) {
      const pre = panels[name].querySelector("pre");
      const text = model.get(`${name}_text`);
      if (pre.textContent !== text) pre.textContent = text;
    }
    const lacks = model.get("is_cut") && open !== "paste";
    cut.textContent = lacks ? "Signatures are not shown. Copy has them." : "";
    note.textContent = model.get("curl_note");
    note.hidden = !note.textContent;
  }

  model.on("change", draw);
  model.on("msg:custom", onMessage);
  drawTabs();
  return () => {
    model.off("change", draw);
    model.off("msg:custom", onMessage);
  };
}

export default { render };
