"""jamd as it is where packages are not installed: `python -m tests.kit.without torch,link ARGUMENTS`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn


class Without(MetaPathFinder):
    """A finder that does not find some packages, and finds all others as another finder does."""

    def __init__(self, finder: MetaPathFinder, packages: Sequence[str]) -> None:
        self.finder, self.packages = finder, frozenset(packages)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in self.packages:
            return None
        return self.finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)  # it tells what is installed, too


def main() -> NoReturn:
    packages, *arguments = sys.argv[1:]
    sys.meta_path[:] = [Without(finder, packages.split(",")) for finder in sys.meta_path]  # type: ignore[arg-type]
    from jamd.cli import main as jamd

    jamd(arguments, prog_name="jamd")


if __name__ == "__main__":
    main()
