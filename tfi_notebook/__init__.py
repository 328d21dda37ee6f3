"""Notebook toolkit for TechForge Innovate's AI talking video API.

    import tfi_notebook as tfi
    tfi.panel()                                  # fill in, submit, watch
    job = tfi.submit(tfi.build_payload())        # or in code
    job.wait().video()

Without a key everything runs against the local service: the same API in this process, with a
real CPU renderer. The names below are loaded at their first use: importing costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfi_notebook.contract.fields import UnlistedJobType
    from tfi_notebook.contract.payloads import TalkingVideoPayload
    from tfi_notebook.contract.records import JobStatus
    from tfi_notebook.contract.templates import TemplatePayload
    from tfi_notebook.errors import TfiError
    from tfi_notebook.lifecycle.default import (
        asset,
        build_payload,
        build_template_payload,
        connect,
        credits,  # noqa: A004 - the API's own word
        default_workspace,
        job,
        jobs,
        login,
        logout,
        mapping_fields,
        preflight,
        preview,
        projects,
        resume,
        submit,
        unresolved,
    )
    from tfi_notebook.lifecycle.job import Job
    from tfi_notebook.lifecycle.workspace import Workspace
    from tfi_notebook.sweeps.draws import choice, log_uniform, uniform, uniform_int
    from tfi_notebook.sweeps.start import run
    from tfi_notebook.sweeps.sweep import Sweep
    from tfi_notebook.widgets.board import board
    from tfi_notebook.widgets.form import form
    from tfi_notebook.widgets.panel import panel

__version__ = "0.1.0"
__all__ = [
    "Job",
    "JobStatus",
    "Sweep",
    "TalkingVideoPayload",
    "TemplatePayload",
    "TfiError",
    "UnlistedJobType",
    "Workspace",
    "asset",
    "board",
    "build_payload",
    "build_template_payload",
    "choice",
    "connect",
    "credits",
    "default_workspace",
    "form",
    "job",
    "jobs",
    "log_uniform",
    "login",
    "logout",
    "mapping_fields",
    "panel",
    "preflight",
    "preview",
    "projects",
    "resume",
    "run",
    "submit",
    "uniform",
    "uniform_int",
    "unresolved",
]

_HOME = {
    "Job": "lifecycle.job",
    "JobStatus": "contract.records",
    "Sweep": "sweeps.sweep",
    "TalkingVideoPayload": "contract.payloads",
    "TemplatePayload": "contract.templates",
    "TfiError": "errors",
    "UnlistedJobType": "contract.fields",
    "Workspace": "lifecycle.workspace",
    "board": "widgets.board",
    "choice": "sweeps.draws",
    "form": "widgets.form",
    "log_uniform": "sweeps.draws",
    "panel": "widgets.panel",
    "run": "sweeps.start",
    "uniform": "sweeps.draws",
    "uniform_int": "sweeps.draws",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOME.get(name, 'lifecycle.default')}")
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__", "errors"]
