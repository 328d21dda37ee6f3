// The panel's title and tabs: arrow keys move, and the chosen one is told to the kernel.
function render({ model, el }) {
  el.classList.add("tfi", "tfi-tabs");
  const list = document.createElement("div");
  list.className = "tfi-tablist";
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", "AI talking video");
  const tabs = model.get("names").map((name) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.textContent = name;
    tab.setAttribute("role", "tab");
    tab.addEventListener("click", () => choose(name));
    return tab;
  });
  list.append(...tabs);
  const title = document.createElement("div");
  title.className = "tfi-badge";
  el.append(title, list);

  function choose(name) {
    model.set("value", name);
    model.save_changes();
    draw();
  }

  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
    next.focus();
    choose(next.textContent);
  });

  function draw() {
    for (const tab of tabs) {
      const chosen = tab.textContent === model.get("value");
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
  }

  function name() {
    title.innerHTML = model.get("title");  // made and escaped by Python
  }

  const kernel = watchKernel(model, el);
  model.on("change:value", draw);
  model.on("change:title", name);
  draw();
  name();
  return () => {
    kernel.end();
    model.off("change:value", draw);
    model.off("change:title", name);
  };
}

export default { render };
