"""From an empty kernel to the first payload, and to the first job's id, against the same by hand.

By hand: `import httpx, pydantic`, a model of the payload with its bounds, a client, one validated
payload; then one POST and its answer's id. Here: `import tfi_notebook as tfi`, `tfi.connect(...)`,
`tfi.build_payload(...)`; then `tfi.submit(payload).id`, which also opens a ledger and writes the
intent and the id to disk. Each runs as the only cell of a fresh kernel, against a server on
loopback that answers after 20 ms; all take turns, and the least time counts.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import peers
from benchmarks.findings import OURS, Findings, Table
from benchmarks.fresh_kernel import in_peers, timed
from benchmarks.job_server import running

TITLE = "The first payload"
BY_HAND = "by hand"
_PAYLOAD = """
import typing, uuid
class Payload(pydantic.BaseModel):
    image_url: str
    audio_url: str
    project_id: uuid.UUID
    version: typing.Literal[4, 5, 6] = 6
    iteration_count: int = pydantic.Field(10, ge=1, le=100)
    output_size: int = pydantic.Field(400, ge=64, le=2048)
    crop: bool = False
    expand_ratio: float = pydantic.Field(0.5, ge=0, le=1)
    dynamic_scale: float = pydantic.Field(1.0, ge=0, le=5)
    is_clone_required: bool = False
    language: str = pydantic.Field("en", pattern="^[a-z]{2}")
    name: str | None = None
    values: list[float] = []
"""
_FIELDS = """
fields = dict(
    image_url="https://cdn.example.com/face.png", audio_url="https://cdn.example.com/voice.mp3",
    project_id="468ea7a0-66e1-4357-a760-236e54167f3e", version=6, iteration_count=10)
"""
_BY_HAND = f"""
import httpx, pydantic
{_PAYLOAD}{_FIELDS}
client = httpx.Client(base_url=%(url)r, headers={{"x-api-key": "key"}})
payload = Payload(**fields)
"""
_BY_HAND_ID = """
answer = client.post("/jobs/v2", json=payload.model_dump(mode="json"))
assert answer.raise_for_status().json()["jobId"]
"""
_OURS = f"""
import tfi_notebook as tfi
{_FIELDS}
tfi.connect(api_key="key", base_url=%(url)r, outputs=%(folder)r, ledger=%(folder)r + "/l.sqlite")
payload = tfi.build_payload(**fields)
"""
_OURS_ID = """
assert tfi.submit(payload).id
"""
_PEERS = {
    "replicate": """
import replicate
client = replicate.Client(api_token="key", base_url=%(url)r)
assert client.predictions.create(version=64 * "0", input={"version": 6}).id
""",
    "openai": """
import openai
client = openai.OpenAI(api_key="key", base_url=%(url)r)
assert client.batches.create(
    input_file_id="file", endpoint="/v1/responses", completion_window="24h").id
""",
    "fal-client": """
import fal_client, fal_client.client as inside
inside.QUEUE_URL_FORMAT = %(url)r + "/"
client = fal_client.SyncClient(key="key:secret")
assert client.submit("tfi/talking", arguments={"version": 6}).request_id
""",
}


def run(rounds: int, *, quick: bool) -> Findings:
    """Time both ways to the payload, and all to an id."""
    with running() as url, tempfile.TemporaryDirectory() as folder:
        places = (str(Path(folder) / str(number)) for number in range(1_000_000))

        def cell(code: str) -> tuple[str, str]:
            return sys.executable, code % {"url": url, "folder": next(places)}

        to_payload = {OURS: cell(_OURS), BY_HAND: cell(_BY_HAND)}
        to_id = {OURS: cell(_OURS + _OURS_ID), BY_HAND: cell(_BY_HAND + _BY_HAND_ID)}
        asked = peers.among(*_PEERS)
        to_id |= {name: in_peers(_PEERS[name] % {"url": url}) for name in asked}
        every = {f"{name}\n": each for name, each in to_payload.items()} | to_id
        found = timed(every, 1 if quick else rounds)
    times = {name: one["ms"] for name, one in found.items()}
    payload = {name: times[f"{name}\n"] for name in to_payload}
    ids = {name: times[name] for name in to_id}
    return Findings(
        measures={
            "to_by_hand": payload[OURS] / payload[BY_HAND],
            "id_to_by_hand": ids[OURS] / ids[BY_HAND],
        },
        tables=[
            Table(
                "Time from an empty kernel", "ms", "lower",
                {"to the first payload": payload, "to the first job's id": ids}, BY_HAND,
            ),
        ],
        notes=[
            peers.versions() if asked else peers.MISSING,
            "The peers check no payload, so they have no time to the first one.",
        ],
    )  # fmt: skip
