// A part whose kernel is lost gets no answer any more: it says so, and cannot be pressed.
const LOST = { restarting: "was restarted", autorestarting: "was restarted", dead: "has ended" };

function watchKernel(model, el) {
  let gone = false;
  const look = (_, status) => {
    if (gone || !LOST[status]) return;
    gone = true;
    const root = el.closest(".tfi-panel") ?? el;
    // in a panel its tabs speak for all parts
    if (root !== el && !el.classList.contains("tfi-tabs")) return;
    const textContent = `The kernel ${LOST[status]}: run the cell again.`;
    const line = Object.assign(document.createElement("p"), { className: "tfi-gone tfi-problem", role: "alert", textContent });
    el.prepend(line);
    root.querySelectorAll(".tfi-reason").forEach((reason) => { reason.textContent = textContent; });
    root.querySelectorAll("button, input, select, textarea").forEach((one) => { one.disabled = true; });
  };
  // only managers that are connected to a kernel by themselves have one
  const signal = model.widget_manager?.kernel?.statusChanged;
  signal?.connect(look);
  return { isGone: () => gone, end: () => signal?.disconnect(look) };
}
