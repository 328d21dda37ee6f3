from __future__ import annotations

import tracemalloc
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped] # it publishes no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.payloads import good_payload
from tfi_notebook.contract.templates import TemplatePayload
from tfi_notebook.errors import ArgumentError, PayloadError, SweepError
from tfi_notebook.sweeps.draws import choice, log_uniform, uniform, uniform_int
from tfi_notebook.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.contract.model import Payload

SIGNED = "https://b.example.com/a.mp3?X-Amz-Signature=canary&X-Amz-Expires=60"
TEMPLATE = TemplatePayload(
    job_type="ai_talking_video",
    template_id="468ea7a0-66e1-4357-a760-236e54167f3e",
    values={"headline": "Hello", "avatar": {"image_url": "https://cdn.example.com/a.png"}},
)


def over_half_a_character() -> dict[str, Any]:
    return {"version\ud800": [5]}


def over(base: Payload, axes: dict[str, Any]) -> Sweep:
    return Sweep(base, **axes)


def test_a_grid_is_every_value_with_every_other_the_last_axis_fastest() -> None:
    sweep = Sweep(good_payload(), version=[4, 6], iteration_count=range(5, 20, 5))
    assert [point.axes for point in sweep.points()] == [
        (4, 5), (4, 10), (4, 15), (6, 5), (6, 10), (6, 15),
    ]  # fmt: skip
    assert sweep.payload(4) == good_payload(version=6, iteration_count=10)
    assert len(sweep) == 6


def test_zip_walks_the_axes_side_by_side_and_a_single_value_stands_for_all() -> None:
    sweep = Sweep.zip(good_payload(), version=[5, 6], iteration_count=[10, 20], language="de")
    assert [point.axes for point in sweep.points()] == [(5, 10, "de"), (6, 20, "de")]
    with pytest.raises(SweepError, match="differ in length"):
        Sweep.zip(good_payload(), version=[4, 5, 6], iteration_count=[10, 20])


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Sweep(good_payload(), iteration_count=uniform_int(5, 9)), "Sweep.sample"),
        (lambda: Sweep.zip(good_payload(), version=choice([5, 6])), "Sweep.sample"),
        (lambda: Sweep.zip(good_payload()), "there is no axis"),
        (lambda: Sweep.sample(good_payload(), 4), "there is no axis"),
        (lambda: Sweep(good_payload(), version=[]), "the axis has no values"),
        (lambda: Sweep.zip(good_payload(), version=[5, 6], language=["de"] * 3), "differ in"),
        (lambda: choice(5), "options: must be a list"),  # type: ignore[arg-type] # on purpose
        (lambda: choice(None), "options: must be a list"),  # type: ignore[arg-type] # on purpose
        (lambda: choice([]), "one value at least"),
        (lambda: Sweep(good_payload(), **over_half_a_character()), "is not a field"),
        (lambda: Sweep.from_frame({"version": [5]}), "frame: must be a pandas frame"),
        (lambda: Sweep.from_frame([5]), "frame: must be a pandas frame"),
        (lambda: Sweep.from_frame(None), "frame: must be a pandas frame"),
        (lambda: Sweep.from_frame(pd.Series([5])), "frame: must be a pandas frame"),
        (lambda: Sweep.from_frame(pd.DataFrame(), good_payload()), "the table is empty"),
        (lambda: Sweep.from_frame(pd.DataFrame({"version": []}), good_payload()), "is empty"),
        (
            lambda: Sweep.from_frame(
                pd.DataFrame([[5, 6]], columns=["version"] * 2), good_payload()
            ),
            "two columns are called 'version'",
        ),
    ],
)
def test_what_makes_no_axes_is_told_with_what_to_do(make: Callable[[], object], named: str) -> None:
    with pytest.raises((SweepError, ArgumentError), match=named) as caught:
        make()
    assert caught.value.hint
    assert str(caught.value).encode()  # it can be printed


def test_half_a_character_is_a_wrong_value_that_can_be_shown(idle: Any) -> None:
    sweep = Sweep(good_payload(), workspace=idle, language=["en", "\ud800"])
    right, wrong = sweep.points()
    assert not right.problem
    assert wrong.problem
    assert wrong.axes == ("\\ud800",)


def test_a_single_value_of_numpy_or_a_series_is_an_axis() -> None:
    assert [p.axes for p in Sweep(good_payload(), version=np.array(5)).points()] == [(5,)]
    drawn = Sweep.sample(good_payload(), 4, version=pd.Series([5, 6]), method="random")
    assert {point.axes[0] for point in drawn.points()} <= {5, 6}


@pytest.mark.parametrize("method", ["random", "lhs", "sobol"])
def test_a_sample_fills_its_ranges_and_is_the_same_for_the_same_seed(method: str) -> None:
    def draw(seed: int) -> list[tuple[Any, ...]]:
        sweep = Sweep.sample(
            good_payload(), 40, seed=seed, method=method, iteration_count=uniform_int(5, 50),
            dynamic_scale=uniform(0.5, 1.5), expand_ratio=log_uniform(0.01, 1), version=[5, 6],
            language=choice(["en", "de"]),
        )  # fmt: skip
        points = list(sweep.points())
        assert not any(point.problem for point in points)
        return [point.axes for point in points]

    rows = draw(1)
    assert draw(1) == rows != draw(2)
    counts, scales, ratios, versions, languages = map(set, zip(*rows, strict=True))
    assert len(rows) == 40
    assert min(counts) < 10
    assert max(counts) > 45
    assert 0.5 <= min(scales) < 0.6
    assert 1.4 < max(scales) <= 1.5
    assert sum(ratio < 0.1 for ratio in ratios) > 10  # half of the draws lie below the middle
    assert (versions, languages) == ({5, 6}, {"en", "de"})


def test_ranges_and_methods_are_checked() -> None:
    for wrong in (
        lambda: uniform(2, 1),
        lambda: uniform_int(1, 2.5),  # type: ignore[arg-type] # on purpose
        lambda: log_uniform(0, 1),
        lambda: choice([]),
        lambda: Sweep.sample(good_payload(), 0, version=[5]),
        lambda: Sweep.sample(good_payload(), 4, method="magic", version=[5]),
    ):
        with pytest.raises(ArgumentError):
            wrong()


def test_a_wrong_value_names_its_axis_its_row_and_the_reason_and_the_others_stay() -> None:
    sweep = Sweep(good_payload(), version=[5, 7], iteration_count=[10, "many"])
    right, *wrong = sweep.points()
    assert right.fingerprint == good_payload(version=5, iteration_count=10).fingerprint
    version = "version: must be 4, 5 or 6 (the model versions), not 7"
    count = "iteration_count: must be a whole number such as 20, not text"
    assert [point.problem for point in wrong] == [
        f"{count} (row 1)", f"{version} (row 2)", f"{version}; {count} (row 3)",
    ]  # fmt: skip
    assert not any(point.fingerprint for point in wrong)
    with pytest.raises(PayloadError, match="must be 4, 5 or 6"):
        sweep.payload(2)


def test_an_axis_must_be_a_field_with_values() -> None:
    with pytest.raises(SweepError, match=r"verson: is not a field; did you mean version\?"):
        Sweep(good_payload(), verson=[5])
    with pytest.raises(SweepError, match="has no values"):
        Sweep(good_payload(), version=[])
    with pytest.raises(SweepError, match="is not a field"):
        over(good_payload(), {"values.headline": ["a"]})


VALUES = {
    "version": st.sampled_from([4, 5, 6, 6.0, 7, "6", None]),
    "iteration_count": st.one_of(st.integers(0, 120), st.floats(1, 100)),
    "dynamic_scale": st.floats(-1, 4),
    "crop": st.sampled_from([True, False, 1, "no"]),
    "language": st.sampled_from(["en", " DE ", "pt-br", "e", 5]),
    "audio_url": st.sampled_from(["https://a.example.com/ä.mp3", SIGNED, "file:///etc/passwd"]),
    "values": st.lists(st.text(max_size=3), max_size=2),
    "project_id": st.sampled_from(["468EA7A0-66E1-4357-A760-236E54167F3E", "x"]),
}


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_a_point_is_right_exactly_when_its_payload_is_and_has_its_fingerprint(
    given_values: dict[str, Any],
) -> None:
    axes = {name: [value] for name, value in given_values.items()}
    (point,) = over(good_payload(), axes).points()
    problems: dict[str, str] = {}
    try:
        assert point.fingerprint in {"", good_payload(**given_values).fingerprint}
    except PayloadError as error:
        problems = error.problems
    assert bool(point.fingerprint) == (not problems)
    assert bool(point.problem) == bool(problems)
    for name, text in problems.items():
        assert f"{name}: {text}" in point.problem


def test_one_value_of_a_template_is_an_axis() -> None:
    names = {"values.headline": ["Ann", "Bob"]}
    pictures = {"values.avatar.image_url": ["https://cdn.example.com/b.png", "not a picture"]}
    sweep = over(TEMPLATE, names | pictures)
    ann, bad, *_ = sweep.points()
    payload = sweep.payload(0)
    assert payload.fingerprint == ann.fingerprint
    assert payload.body()["values"] == {
        "headline": "Ann",
        "avatar": {"image_url": "https://cdn.example.com/b.png"},
    }
    assert "values.avatar" in bad.problem
    assert "(row 1)" in bad.problem


def test_a_table_is_one_job_for_each_row_and_an_empty_cell_is_a_wrong_value() -> None:
    table = pd.DataFrame({"values.headline": ["Ann", None, "Cid"], "session_id": ["a", "b", "c"]})
    sweep = Sweep.from_frame(table, TEMPLATE)
    first, empty, third = sweep.points()
    assert [bool(point.problem) for point in (first, empty, third)] == [False, True, False]
    assert "values.headline" in empty.problem
    assert sweep.payload(2).body()["values"]["headline"] == "Cid"


def test_a_table_may_hold_every_field() -> None:
    rows = [good_payload(version=5).body(), good_payload(iteration_count=7).body()]
    table = pd.DataFrame([{**row, "values": list(row["values"])} for row in rows])
    sweep = Sweep.from_frame(table)
    assert [sweep.payload(at).body() for at in range(2)] == rows
    with pytest.raises(SweepError, match="nonsense: is not a field"):
        Sweep.from_frame(table.assign(nonsense=1), good_payload())
    with pytest.raises(PayloadError, match="version"):
        Sweep.from_frame(table.assign(version=3))


def test_the_definition_makes_the_same_points_again_and_holds_no_signature(idle: Any) -> None:
    given_values = {"version": [5, 9], "audio_url": [SIGNED], "language": [object(), "de"]}
    sweep = over(good_payload(), given_values)
    definition = sweep.definition()
    assert "canary" not in definition
    again = Sweep.defined(definition, idle, "name")
    assert again.name == "name"
    for one, other in zip(sweep.points(), again.points(), strict=True):
        assert one.fingerprint == other.fingerprint
        assert bool(one.problem) == bool(other.problem)
    assert "canary" not in "".join(point.problem for point in sweep.points())


def test_the_name_is_made_from_the_points() -> None:
    sweep = Sweep(good_payload(), version=[5, 6])
    assert sweep.name == Sweep(good_payload(), version=[5, 6]).name
    assert sweep.name != Sweep(good_payload(), version=[6, 5]).name
    assert Sweep(good_payload(), name="night", version=[5]).name == "night"
    with pytest.raises(ArgumentError, match="name"):
        Sweep(good_payload(), name="", version=[5])


def test_a_million_points_take_no_memory() -> None:
    sweep = Sweep(
        good_payload(),
        iteration_count=range(1, 101),
        dynamic_scale=[at / 100 for at in range(100)],
        expand_ratio=[at / 100 for at in range(100)],
    )
    assert len(sweep) == 1_000_000
    tracemalloc.start()
    try:
        for _ in islice(sweep.points(), 20_000):
            pass
        assert next(sweep.points(999_999)).axes == (100, 0.99, 0.99)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000
