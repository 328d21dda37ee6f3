"""The Sweep tab: pick axes, see the plan change as one does, run, watch, open the gallery."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import ipywidgets

from tfi_notebook.display import html
from tfi_notebook.errors import PayloadError, SweepError
from tfi_notebook.sweeps.sweep import MAX_IN_FLIGHT, Sweep
from tfi_notebook.widgets.axes import FIELDS, make_axis
from tfi_notebook.widgets.look import Look, close_all
from tfi_notebook.widgets.numbers import Number

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.display.painter import Drawing, Follower
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.plan import Plan
    from tfi_notebook.sweeps.run import Run

POINTS_MAX = 10_000
AT_ONCE_MAX = 32
BUDGET_MAX = 1e9
_NOTHING = "tick what is to vary: every value is combined with every other"


class SweepTab:
    """Axes, plan, run and gallery of one sweep that starts from the form's payload.

    Made when it is first opened. Callbacks read the widgets and hand a coroutine to the loop;
    what reads the ledger or waits for it goes on in a thread of its own.

    Args:
        workspace: the connection.
        lock: held while a widget is written.
        payload: returns the form's payload, or None while a field is wrong.
        start: starts a coroutine of which no error is lost.

    Attributes:
        axes: the controls of the axes, by field.
        box: axes, plan and buttons.
        below: board and gallery, in the width of the panel.
    """

    def __init__(
        self,
        workspace: Workspace,
        lock: AbstractContextManager[Any],
        payload: Callable[[], Payload | None],
        start: Callable[[Coroutine[Any, Any, None]], Future[None] | None],
    ) -> None:
        self._workspace = workspace
        self._look = look = Look()
        self._lock = lock
        self._payload = payload
        self._start = start
        self._planning = self._again = False
        self._plan: Plan | None = None
        self._run: Run | None = None
        self._follower: Follower | None = None
        wraps = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        self.axes = {name: make_axis(name, look, wraps, self.changed) for name in FIELDS}
        self._make_widgets()
        self.box = ipywidgets.VBox(self._parts(), layout=look.group, _dom_classes=("tfi-sweep",))
        self.below = ipywidgets.VBox([self.board], layout=look.block)
        self.changed()

    # -- what a person or a test does ------------------------------------------------------

    @property
    def plan(self) -> Plan | None:
        """The plan on display; None while there is none."""
        return self._plan

    @property
    def run(self) -> Run | None:
        """The run that was started last."""
        return self._run

    def changed(self, _: object = None) -> None:
        """Plan again: the form or an axis has changed."""
        with self._lock:
            payload = self._payload()
            for axis in self.axes.values():
                axis.start_from(getattr(payload, axis.name, None))
            self._ask(None)
            problem = self.at_once.problem or self.budget.problem
            self.told.value = html.problem_line(problem) if problem else ""
            self.button.disabled = True  # until the plan on display is of what is chosen
            self._again = self._planning
            if self._planning:
                return
            self._planning = True
        self._start(self._replan())

    def go(self) -> Future[None] | None:
        """Run what is planned; on the live API ask first. Return at once.

        Returns:
            The future of the start; None where there is nothing to run, or a person is asked.
        """
        with self._lock:
            if self._plan is None or self.button.disabled:
                return None
            if not self._workspace.settings.local and self._plan.new and not self._asking:
                self._ask(self._plan)
                return None
            self._ask(None)
            self.button.disabled = True
            limits = {"budget_credits": self.budget.value or None,
                      "max_in_flight": self.at_once.value}  # fmt: skip
        return self._start(self._begin(self._plan.sweep, limits))

    def open_gallery(self) -> Future[None] | None:
        """Make the gallery of the run and show it below the board. Return at once."""
        return self._start(self._open_gallery(self._run)) if self._run is not None else None

    def close(self) -> None:
        """Draw no more. The run goes on."""
        if self._follower is not None:
            self._follower.close()
        close_all((self.box, self.below))

    # -- building --------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self.shown = self._html("tfi-plan")
        self.board = self._html("tfi-run-board")
        self.state = self._html("tfi-sweep-state")
        self.at_once = Number(
            "at once", MAX_IN_FLIGHT, (1, AT_ONCE_MAX), layout=self._look.fixed,
            tooltip="the most jobs at the service at once",
        )  # fmt: skip
        self.budget = Number(
            "budget", 0, (0.0, BUDGET_MAX), layout=self._look.fixed,
            tooltip="the most credits that the run may spend; 0 for no limit",
        )  # fmt: skip
        self.told = self._html("tfi-sweep-limits")
        self.button = self._button("Run", "go", "submit every point that has no job yet", "primary")
        self.cancel = self._button("Cancel", "cancel", "submit nothing")
        self.pause = self._button("Pause", "pause", "submit nothing more; resume goes on")
        self.gallery = self._button("Gallery", "gallery", "play the videos side by side")
        for number in (self.at_once, self.budget):
            number.text.observe(self.changed, names="value")
        for button, act in (
            (self.button, self.go), (self.cancel, self.changed),
            (self.pause, self._pause_or_resume), (self.gallery, self.open_gallery),
        ):  # fmt: skip
            button.on_click(lambda _, act=act: act())
        self.pause.disabled = self.gallery.disabled = True
        self._asking = False

    def _html(self, name: str) -> ipywidgets.HTML:
        look = self._look
        return ipywidgets.HTML(layout=look.block, style=look.html_style, _dom_classes=(name,))

    def _button(self, text: str, name: str, tooltip: str, style: str = "") -> ipywidgets.Button:
        return ipywidgets.Button(
            description=text, tooltip=tooltip, button_style=style, layout=self._look.fixed,
            style=self._look.button_style, _dom_classes=(f"tfi-sweep-{name}",),
        )  # fmt: skip

    def _parts(self) -> list[Any]:
        look = self._look
        head = ipywidgets.HTML(html.heading("Vary"), layout=look.block, style=look.html_style)
        limits = [self.at_once.text, self.told]
        if not self._workspace.settings.local:
            limits.insert(1, self.budget.text)
        self._actions = ipywidgets.HBox(self._buttons(), layout=look.row)
        rows = [axis.row for axis in self.axes.values()]
        return [head, *rows, ipywidgets.HBox(limits, layout=look.row), self.shown,
                self._actions, self.state]  # fmt: skip

    def _buttons(self) -> list[Any]:
        asked = [self.button, self.cancel]
        return asked if self._asking else [self.button, self.pause, self.gallery]

    # -- what is written: under the lock ---------------------------------------------------

    def _ask(self, plan: Plan | None) -> None:
        """Ask whether the cost of a plan is meant; None takes the question back."""
        self._asking = plan is not None
        text = f"Yes, make {plan.new:,} paid jobs: {plan.cost_words}" if plan else "Run"
        self.button.description = text
        self.button.button_style = "warning" if plan else "primary"
        buttons = tuple(self._buttons())
        if tuple(self._actions.children) != buttons:
            self._actions.children = buttons

    def _tell(self, plan: Plan | None, drawn: str) -> None:
        self._plan = plan
        self.shown.value = drawn
        self.button.disabled = plan is None or not sum(plan.counts.values())

    def _say(self, text: str) -> None:
        self.state.value = html.quiet_line(text)

    # -- coroutines: the loop's thread -----------------------------------------------------

    async def _replan(self) -> None:
        """Plan until nothing has changed meanwhile."""
        try:
            while True:
                self._again = False
                plan, drawn = await self._planned()
                with self._lock:
                    if not self._again:
                        self._planning = False
                        self._tell(plan, drawn)
                        return
        except BaseException:
            self._planning = False
            raise

    async def _planned(self) -> tuple[Plan | None, str]:
        with self._lock:
            payload, at_once = self._payload(), int(self.at_once.value or 1)
            chosen: dict[str, Any] = {
                name: axis.values() for name, axis in self.axes.items() if axis.varies
            }
        if payload is None:
            return None, html.problem_line("the payload has a field that is wrong: see the form")
        wrong = [self.axes[name].title for name, values in chosen.items() if not values]
        wrong += [number.name for number in (self.at_once, self.budget) if number.problem]
        if not chosen or wrong:
            return None, html.quiet_line(
                f"no plan yet: see {', '.join(wrong)}" if wrong else _NOTHING
            )
        try:
            sweep = Sweep(payload, workspace=self._workspace, **chosen)
            if len(sweep) > POINTS_MAX:
                return None, html.problem_line(f"{len(sweep):,} points are too many for the panel")
            plan = await asyncio.to_thread(sweep.plan, max_in_flight=at_once)
        except (PayloadError, SweepError) as error:
            return None, html.problem_line(error.message)
        return plan, plan._repr_mimebundle_()["text/html"]

    async def _begin(self, sweep: Sweep, limits: dict[str, Any]) -> None:
        try:
            run = await asyncio.to_thread(sweep.run, **limits, confirm=True)
        finally:
            self.changed()
        with self._lock:
            self._run = run
            close_all(self.below.children[1:])  # the gallery of the run before
            self.below.children = (self.board,)
            self.pause.disabled = self.gallery.disabled = False
            self._say(f"run {run.name}: tfi.run({run.name!r}) takes it up in any kernel")
        self._watch()

    def _watch(self) -> None:
        """Follow the run from now on; a follower of an earlier run ends."""
        if self._run is None:
            return
        if self._follower is not None:
            self._follower.close()
        self._follower = self._workspace.painter.follow(self._run.drawing, self._write)

    def _write(self, drawing: Drawing) -> None:
        with self._lock:
            self.board.value = drawing.html
            state = self._run.state if self._run is not None else "done"
            self.pause.description = "Resume" if state == "paused" else "Pause"
            self.pause.disabled = state == "done"
        if not drawing.live:
            self.changed()  # what was running is done now

    def _pause_or_resume(self) -> None:
        if self._run is not None:
            self._start(self._toggle(self._run))

    async def _toggle(self, run: Run) -> None:
        await asyncio.to_thread(run.pause if run.state == "running" else run.resume)
        self._watch()

    async def _open_gallery(self, run: Run) -> None:
        with self._lock:
            self._say("making posters and measuring the videos …")
            self.gallery.disabled = True
        try:
            view = await asyncio.to_thread(run.gallery)
            widget = view.widget
            if widget is None:  # no anywidget here: the sheet says what to install
                widget = ipywidgets.HTML(view.sheet(), layout=self._look.block)
            with self._lock:
                close_all(self.below.children[1:])
                self.below.children = (self.board, widget)
        finally:
            with self._lock:
                self._say("")
                self.gallery.disabled = False
