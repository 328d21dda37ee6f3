// A table of jobs. The kernel sorts, filters and tells what has changed; the clock runs here.
const CALM_MS = 1500;

function make(tag, props, ...kids) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...kids);
  return node;
}

const press = (textContent, onclick, props) =>
  make("button", { type: "button", textContent, onclick, ...props });

// what has not changed is not touched: it may be selected
const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

const grouped = (number) => number.toLocaleString("en");

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
}

// cells that are more than a text of the kernel's; `now` is the kernel's clock
const CELLS = {
  status(cell, job) {
    const marks = [[`tfi-pill tfi-${job.kind}`, job.status ?? job.kind.replace("_", " ")]];
    if (job.local) marks.push(["tfi-tag tfi-warning", "LOCAL"]);
    if (job.elsewhere) marks.push(["tfi-tag", `at ${job.elsewhere}: not watched here`]);
    redraw(cell, marks, ([className, textContent]) => make("span", { className, textContent }));
  },
  elapsed: (cell, job, now) => write(cell, span((job.ended ?? now) - job.created)),
  created: (cell, job) => write(cell, new Date(job.created * 1000).toLocaleString()),
  queue: (cell, { queue }) => write(cell, queue ? `${queue} before it` : queue === 0 ? "next" : ""),
  progress(cell, { progress, job, ended }) {
    const share = ended ? undefined : progress;
    redraw(cell, share === undefined ? [] : ["progress", "span"], (tag) => make(tag, {}));
    if (share === undefined) return;
    cell.firstChild.value = share;
    cell.firstChild.ariaLabel = `progress of job ${job}`;
    write(cell.lastChild, ` ${Math.round(share * 100)} %`);
  },
  eta(cell, { eta, source }, now) {
    const left = eta > now ? span(eta - now) : "longer than expected";
    write(cell, eta ? `${left} (${source})` : "");
  },
  message(cell, { stale, message = "" }, now) {
    write(cell, stale ? `no answer for ${span(now - stale)} · ${message}` : message);
  },
};

function redraw(cell, items, draw) {
  const shown = JSON.stringify(items);
  if (cell.dataset.shown === shown) return;
  cell.dataset.shown = shown;
  cell.replaceChildren(...items.map(draw));
}

function render({ model, el }) {
  let told, asking, typing, moved = 0, ahead = 0;
  const state = {};
  const jobs = new Map();
  const rows = new Map();
  const filters = new Map();
  const live = (role, className) => make("div", { role, className });
  const said = live("status", "tfi-visually-hidden");
  const note = live("status", "tfi-note tfi-muted");
  const alert = live("alert", "tfi-problem");
  const status = make("div", { className: "tfi-filters", role: "group", "aria-label": "Filter by status" });
  const search = make("input", { type: "search", placeholder: "search", maxLength: 200, "aria-label": "Search jobs" });
  const back = press("‹ previous", () => ask({ page: state.view.page - 1 }));
  const next = press("next ›", () => ask({ page: state.view.page + 1 }));
  const place = make("span", { className: "tfi-muted tfi-place" });
  const head = make("tr", {});
  const body = make("tbody", { onpointermove: () => { moved = performance.now(); } });
  const table = make("table", { className: "tfi-rows" }, make("thead", {}, head), body);
  const pager = make("span", {}, back, place, next);
  el.classList.add("tfi", "tfi-board");
  el.append(make("div", { className: "tfi-tools" }, status, search, pager), said, alert, note, table);
  search.oninput = () => {
    clearTimeout(typing);
    typing = setTimeout(() => ask({ text: search.value, page: 0 }), 200);
  };

  const ask = (changed) => model.send({ type: "show", ...state.view, ...changed });
  const act = (name, key, id) => model.send({ type: "act", name, key, id, sure: true });

  function hear(message) {
    if (message.type === "page") return take(message);
    const failed = message.type === "error";
    write(alert, failed ? `${message.text}${message.hint ? ` (${message.hint})` : ""}` : "");
    write(note, failed ? "" : message.text);
  }

  function take({ rows: changed = {}, said: ended, now, ...rest }) {
    ahead = now - Date.now() / 1000;
    if (rest.titles) open(rest);
    Object.assign(state, rest);
    for (const [key, cells] of Object.entries(changed)) {
      const job = { ...jobs.get(key), ...cells };
      for (const name in job) if (job[name] === null) delete job[name];
      jobs.set(key, job);
      if (rows.has(key)) fill(key);
    }
    if (ended) write(said, ended);
    drawTools();
    arrange(rest.view !== undefined);
  }

  function open(message) {
    told = message;
    table.ariaLabel = told.label;
    jobs.clear();
    rows.clear();
    body.replaceChildren();
    const cells = Object.entries(told.titles).map(([name, title]) => make(
      "th", { scope: "col", "data-name": name },
      told.sortable.includes(name) ? press(title, () => sort(name)) : title,
    ));
    head.replaceChildren(...cells, make("th", { scope: "col", className: "tfi-acts" }, "Actions"));
  }

  const sort = (name) =>
    ask({ sort: name, down: state.view.sort !== name || !state.view.down, page: 0 });

  function drawTools() {
    const { view, counts, total, size } = state;
    const all = Object.values(counts).reduce((sum, n) => sum + n, 0);
    const counted = all || !total; // the counts of a large history come after its page
    const wanted = { "": all, [view.status || ""]: view.status ? 0 : all, ...counts };
    for (const [name, node] of filters) if (!(name in wanted)) node.remove(), filters.delete(name);
    for (const [name, count] of Object.entries(wanted)) {
      if (!filters.has(name)) filters.set(name, press("", () => ask({ status: name, page: 0 })));
      const node = filters.get(name);
      if (!node.isConnected) status.append(node);
      write(node, `${name.replace("_", " ") || "all"}${counted ? ` ${grouped(count)}` : ""}`);
      node.ariaPressed = view.status === name;
    }
    const last = Math.min(total, (view.page + 1) * size);
    write(place, total ? `${grouped(view.page * size + 1)} to ${grouped(last)} of ${grouped(total)}` : "no jobs");
    back.disabled = !view.page;
    next.disabled = last >= total;
    for (const cell of head.children) {
      cell.ariaSort = cell.dataset.name !== view.sort ? null : view.down ? "descending" : "ascending";
    }
  }

  function row(key) {
    const cells = Object.entries(told.titles).map(([name, title]) => make(
      name === "job" ? "th" : "td", { "data-name": name, "data-title": title },
    ));
    const node = make("tr", {}, ...cells, make("td", { className: "tfi-acts", "data-title": "Actions" }));
    node.querySelector("th").scope = "row";
    rows.set(key, node);
    fill(key);
    return node;
  }

  function fill(key) {
    const job = jobs.get(key);
    const now = Date.now() / 1000 + ahead;
    for (const cell of rows.get(key).children) {
      const { name } = cell.dataset;
      if (!name) acts(cell, key, job);
      else if (CELLS[name]) CELLS[name](cell, job, now);
      else write(cell, job[name] ?? "");
    }
  }

  function acts(cell, key, { actions = [], job }) {
    const held = cell.contains(document.activeElement);
    redraw(cell, actions, (name) => press(
      told.labels[name], (event) => name in told.questions ? question(name, key, event.target) : act(name, key),
      { className: `tfi-act-${name}`, "aria-label": `${told.labels[name]}: job ${job}` },
    ));
    if (held && !cell.contains(document.activeElement)) (cell.firstChild ?? search).focus({ preventScroll: true });
  }

  function question(name, key, from) {
    asking?.remove();
    const close = () => {
      asking.remove();
      asking = null;
      from.focus({ preventScroll: true });
      arrange();
    };
    const id = make("input", { spellcheck: false });
    const yes = make("button", { className: "tfi-yes" }, told.labels[name]);
    const no = press("leave it", close);
    const entry = name === "adopt" ? [make("label", {}, "Job id ", id), " "] : [];
    const form = make("form", {}, make("p", {}, told.questions[name]), ...entry, yes, " ", no);
    form.onsubmit = (event) => {
      event.preventDefault();
      act(name, key, id.value.trim());
      close();
    };
    form.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape") close();
    };
    asking = make("tr", { className: "tfi-ask" }, make("td", { colSpan: head.children.length }, form));
    rows.get(key).after(asking);
    (entry.length ? id : no).focus();
  }

  // rows stand as the kernel says, but do not move under a moving pointer or an open question
  function arrange(asked) {
    if (asked) asking = asking?.remove();
    const aimed = body.matches(":hover") && performance.now() - moved < CALM_MS;
    if (asking || (aimed && !asked)) return;
    const focused = body.contains(document.activeElement) && document.activeElement;
    for (const [key, node] of rows) if (!state.order.includes(key)) node.remove(), rows.delete(key);
    for (const key of jobs.keys()) if (!state.order.includes(key)) jobs.delete(key);
    state.order.forEach((key, at) => {
      const node = rows.get(key) ?? row(key);
      if (body.children[at] !== node) body.insertBefore(node, body.children[at] ?? null);
    });
    if (focused && focused.isConnected) focused.focus({ preventScroll: true });
  }

  const kernel = watchKernel(model, el);
  const clock = setInterval(() => {
    if (kernel.isGone()) return;
    for (const key of rows.keys()) if (!jobs.get(key).ended) fill(key);
    if (state.order) arrange();
  }, 1000);
  model.on("msg:custom", hear);
  model.send({ type: "open" });
  return () => {
    clearInterval(clock);
    kernel.end();
    model.off("msg:custom", hear);
  };
}

export default { render };
