// Submit, what it will cost, and the question before money is spent.
function make(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function render({ model, el }) {
  el.classList.add("tfi", "tfi-actions");
  const row = make("div", "tfi-actions-row");
  const buttons = new Map();
  const facts = make("div", "tfi-facts tfi-muted");
  const reason = make("div", "tfi-reason tfi-muted");
  const question = make("div", "tfi-question");
  const report = make("div", "tfi-preflight");
  reason.setAttribute("role", "status");
  question.setAttribute("role", "status");
  report.setAttribute("role", "status");
  el.append(question, row, reason, facts, report);

  function button(told) {
    let node = buttons.get(told.name);
    if (!node) {
      node = make("button", "");
      node.type = "button";
      node.addEventListener("click", () => model.send({ type: told.name }));
      buttons.set(told.name, node);
    }
    node.className = `tfi-${told.name}${told.primary ? " tfi-primary" : ""}`;
    if (node.textContent !== told.label) node.textContent = told.label;
    node.disabled = told.disabled;
    node.title = told.title || "";
    return node;
  }

  function write(node, text) {  // a live region speaks only when its text changes
    if (node.textContent !== text) node.textContent = text;
    node.hidden = !text;
  }

  function draw() {
    const state = model.get("state");
    const wanted = state.buttons.map(button);
    const held = row.contains(document.activeElement);
    if (wanted.length !== row.children.length || wanted.some((b, i) => row.children[i] !== b)) {
      row.replaceChildren(...wanted);
      if (held) row.firstElementChild.focus();
    }
    write(question, state.question);
    write(facts, state.facts);
    if (reason.textContent !== state.reason) reason.textContent = state.reason;  // keeps its room
    if (report.dataset.html !== state.report) {
      report.dataset.html = report.innerHTML = state.report;  // made and escaped by Python
    }
  }

  model.on("change:state", draw);
  draw();
  return () => model.off("change:state", draw);
}

export default { render };
