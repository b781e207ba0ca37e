"""Packages that an install may be without, and the command that adds them to it."""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from jamd.errors import PackageError

EXTRAS = {"torch": "train", "tensorboardX": "train", "link": "link", "matplotlib": ""}
"""The extra of jamd that brings each package. Pictures come with a plain install, but not with every copy."""
ON_A_GPU = "gpu"
"""The extra that brings torch to who only plays."""
LEARNING = frozenset({"train", "evaluate"})
"""The commands that want torch for more than to play on a GPU."""
SHOWN = {"link": "Ableton Link"}
"""Packages that are known by another name than that of their module."""


def is_installed(package: str) -> bool:
    """Whether a package is there; without loading it."""
    return find_spec(package) is not None


def missing(error: ImportError, command: str) -> PackageError | None:
    """What to say of an import that failed in a command; None if jamd brings no such package."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return None
    extra = ON_A_GPU if package == "torch" and command not in LEARNING else EXTRAS[package]
    what = f"does not load ({error})" if is_installed(package) else "is not installed"
    return PackageError(f"{SHOWN.get(package, package)} {what}; this adds it: {adding(extra)}")


def adding(extra: str, prefix: Path | None = None, origin: str | None = None) -> str:
    """The command that adds an extra of jamd to this very install: to the environment in `prefix`, from where
    jamd came, which pip notes in `origin` when it was not an index."""
    import json
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    prefix = prefix or Path(sys.prefix)
    came_from = json.loads(origin if origin is not None else _origin() or "{}")
    url = str(came_from.get("url", ""))
    wanted = f"jamd[{extra}]" if extra else "jamd"
    editable = bool(came_from.get("dir_info", {}).get("editable"))
    if editable:
        wanted = wanted.replace("jamd", url2pathname(urlsplit(url).path), 1)
    elif url:
        wanted += f" @ {url}"
    quoted = shlex.quote(wanted)
    if (prefix / "uv-receipt.toml").exists():
        return f"uv tool install {'--editable ' * editable}{quoted}"
    if (prefix / "pipx_metadata.json").exists():
        python = shlex.quote(str(Path(sys.executable).resolve()))  # pipx would go back to its own
        return f"pipx install --force --python {python} {'--editable ' * editable}{quoted}"
    return f"{_pip()} {'-e ' * editable}{quoted}"


def _origin() -> str | None:
    """What was noted of where jamd was installed from; None if from an index, or not installed at all."""
    from importlib.metadata import distributions

    # in a checkout there may be another one first on the path, which setuptools left and pip did not note
    noted = (each.read_text("direct_url.json") for each in distributions(name="jamd"))
    return next(filter(None, noted), None)


def _pip() -> str:
    """What installs into this Python's environment, as the user's shell would have to call it. One that uv
    made has no pip."""
    python, found = shlex.quote(sys.executable), shutil.which("pip")
    if not is_installed("pip"):
        return f"uv pip install --python {python}"
    if found is None or Path(found).parent == Path(sys.executable).parent:
        return "pip install"
    return f"{python} -m pip install"
