"""Rooms by subject, and imports that go one way: as docs/how-it-is-built.md says and draws them.

Its table has one line a room, from the ground up, which says what the room may import. What is imported only
to be named in annotations counts as well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.kit.processes import ROOT

BUILT = ROOT / "docs" / "how-it-is-built.md"
MOST_MODULES = 20
PACKAGES = {"jamd": "jamd", "models": "jamd.models", "training": "jamd.training"}
"""The checkout's folders by what they are imported as."""

Imports = Mapping[str, set[str]]
"""What each module imports, by full names."""


def files() -> dict[str, Path]:
    """Every module of the checkout by its full name; a package's own is its `__init__`."""
    found = {}
    for folder, package in PACKAGES.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join([package, *(part for part in inside if part != "__init__")])] = path
    return found


def imports_of(text: str, modules: set[str]) -> set[str]:
    """Which of these modules a module's text imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "no relative imports: a room is named when it is entered"
            found |= {
                full if (full := f"{node.module}.{alias.name}") in modules else str(node.module)
                for alias in node.names
            }
    return found & modules


def room_of(module: str, rooms: Mapping[str, set[str]]) -> str:
    """The room that a module is in, or that is the module: the nearest above it."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if (room := ".".join(parts[:length])) in rooms:
            return room
    raise AssertionError(f"{module} is in no room; {BUILT.name} should have a line for it")


def table(text: str) -> dict[str, set[str]]:
    """The rooms of the table, from the ground up, with the rooms that each may import."""
    rooms: dict[str, set[str]] = {}
    for name, may in re.findall(r"^\| `(jamd[\w.]*)` \|.*\| ([^|]+) \|$", text, re.MULTILINE):
        rooms[name] = {*rooms} if may == "everything above" else {*re.findall(r"`([\w.]+)`", may)}
    return rooms


def drawing(text: str) -> set[tuple[str, str]]:
    """The arrows of the drawing, from room to room."""
    arrows = re.findall(r"^ +([\w.]+) --> ([\w.]+)$", text, re.MULTILINE)
    return {(f"jamd.{room}", f"jamd.{other}") for room, other in arrows}


def between(imports: Imports, rooms: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Which rooms each room imports."""
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for module, imported in imports.items():
        here = room_of(module, rooms)
        found[here] |= {room_of(other, rooms) for other in imported} - {here}
    return found


def reached(room: str, arrows: Mapping[str, set[str]]) -> set[str]:
    """The rooms that a room imports, and those that these import, and so on."""
    return set().union(*({other} | reached(other, arrows) for other in arrows[room]))


def without_what_follows(arrows: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """The arrows but for those that lead where a longer way leads, too."""
    return {
        (room, other)
        for room, others in arrows.items()
        for other in others
        if not any(other in reached(between, arrows) for between in others - {other})
    }


def against(imports: Imports, rooms: Mapping[str, set[str]]) -> Iterator[str]:
    """Each import that no line of the drawing allows, with both modules."""
    for module, imported in sorted(imports.items()):
        here = room_of(module, rooms)
        for other in sorted(imported):
            if (there := room_of(other, rooms)) not in {here} | rooms[here]:
                yield f"{module} imports {other}: {here} may not import {there}"


def circles(imports: Imports) -> list[set[str]]:
    """Modules that import one another, however long the way (Tarjan 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        path.append(module)
        for other in imports.get(module, ()):
            if other not in number:
                visit(other)
            if other in path:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            at = path.index(module)
            circle = set(path[at:])
            del path[at:]
            if len(circle) > 1:
                found.append(circle)

    for module in imports:
        if module not in number:
            visit(module)
    return found


@pytest.fixture(scope="module")
def imports() -> Imports:
    there = files()
    return {name: imports_of(path.read_text(), set(there)) - {name} for name, path in there.items()}


@pytest.fixture(scope="module")
def rooms() -> dict[str, set[str]]:
    return table(BUILT.read_text())


def test_every_import_is_allowed_by_the_table(imports: Imports, rooms: dict[str, set[str]]) -> None:
    assert list(against(imports, rooms)) == []


def test_the_table_goes_one_way(rooms: dict[str, set[str]]) -> None:
    order = list(rooms)
    assert [
        (room, other)
        for room, may in rooms.items()
        for other in may
        if order.index(other) >= order.index(room)
    ] == []


def test_the_table_allows_no_more_than_there_is(imports: Imports, rooms: dict[str, set[str]]) -> None:
    there = between(imports, rooms)
    assert {room: may - there[room] for room, may in rooms.items() if may - there[room]}.keys() <= {
        "jamd.commands"
    }


def test_the_drawing_is_of_these_rooms(imports: Imports, rooms: dict[str, set[str]]) -> None:
    there = {room: others - {"jamd"} for room, others in between(imports, rooms).items()}
    assert drawing(BUILT.read_text()) == without_what_follows(there)


def test_every_file_that_is_named_is_there() -> None:
    named = re.findall(r"`((?:jamd|models|training|tests)/[\w./]*)`", BUILT.read_text())
    assert len(named) > 50
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_no_modules_import_one_another(imports: Imports) -> None:
    assert circles(imports) == []


def test_what_plays_knows_nothing_of_training(imports: Imports, rooms: dict[str, set[str]]) -> None:
    plays = list(rooms)[: list(rooms).index("jamd.bench") + 1]
    assert "jamd.live" in plays
    assert not [room for room in plays if any(may.startswith("jamd.training") for may in rooms[room])]


def test_no_room_is_crowded() -> None:
    folders = {path.parent for path in files().values()} | {
        path.parent for path in (ROOT / "tests").rglob("*.py")
    }
    counts = {folder.relative_to(ROOT).as_posix(): len([*folder.glob("*.py")]) for folder in folders}
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES + 1} == {}


def test_every_room_says_what_lives_there(rooms: dict[str, set[str]]) -> None:
    there = files()
    for room in rooms:
        if there[room].name == "__init__.py":
            assert (ast.get_docstring(ast.parse(there[room].read_text())) or "").count(".") > 0, room


def test_an_import_that_goes_up_is_named_with_both_modules() -> None:
    rooms = {"jamd.music": set[str](), "jamd.engine": {"jamd.music"}}
    modules = {"jamd.music.note", "jamd.engine.part"}
    up = imports_of("if True:\n    from jamd.engine import part", modules)
    assert [*against({"jamd.music.note": up}, rooms)] == [
        "jamd.music.note imports jamd.engine.part: jamd.music may not import jamd.engine"
    ]


def test_a_circle_of_three_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [{"a", "b", "c"}]
