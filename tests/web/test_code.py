"""The page's code: its own tests in node, its types by tsc, its form by prettier, where these are at hand.

`npm install --prefix tests/web` puts tsc and prettier there.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import playwright
import pytest

from tests.kit.processes import ROOT

HERE = Path(__file__).parent
PAGE = ROOT / "jamd" / "web" / "page"
NODE = shutil.which("node") or next(map(str, Path(playwright.__file__).parent.glob("driver/node")))
"""The one that drives the browser, where there is no other."""
FORBIDDEN = ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "new Function", "document.write")


def check(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], cwd=ROOT, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def tool(name: str) -> str:
    found = shutil.which(name, path=str(HERE / "node_modules" / ".bin"))  # another version has another form
    if found is None:
        pytest.skip(f"needs {name}: npm install --prefix tests/web")
    return found


def test_the_modules_do_what_they_say() -> None:
    check(NODE, "--test", HERE / "page.test.mjs")


def test_the_types_are_right() -> None:
    check(tool("tsc"), "-p", HERE / "tsconfig.json")


def test_the_form_is_one() -> None:
    check(tool("prettier"), "--config", HERE / "prettier.json", "--check", PAGE, *HERE.glob("*.mjs"))


def test_nothing_that_the_policy_forbids_and_nothing_from_elsewhere() -> None:
    """A page that needs none of these cannot be led to them."""
    for file in PAGE.iterdir():
        text = file.read_text(encoding="utf-8")
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "eval(",
            "new Function",
            "document.write",
        ):
            assert word not in text, (file.name, word)
        assert "http:" not in text.replace("http://www.w3.org/2000/svg", ""), file.name
        assert "https:" not in text.replace('"https:"', ""), file.name
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    assert "style=" not in page
    assert "onclick" not in page
    assert page.count("<script") == page.count('<script type="module" src="/page/')


def test_every_module_is_typed_and_says_what_it_is() -> None:
    for file in PAGE.glob("*.js"):
        first, second = file.read_text(encoding="utf-8").splitlines()[:2]
        assert first == "// @ts-check", file.name
        assert second.startswith("/**"), file.name


def test_the_files_are_small() -> None:
    assert sum(file.stat().st_size for file in PAGE.iterdir()) < 200_000
