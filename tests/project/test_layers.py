"""Data goes one way: the imports of every module against the picture in docs/design."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "callscope"

PURE = {"model", "timeline", "prices", "redaction", "query", "interop"}
GROUND = {"errors", "version"}
OUTSIDE = {"clock", "ids"}

MAY_IMPORT = {
    "errors": set[str](),
    "version": set[str](),
    "clock": set[str](),
    "ids": set[str](),
    "config": {"errors"},
    "model": GROUND,
    "timeline": GROUND | {"model"},
    "prices": GROUND | {"model"},
    "query": GROUND | {"model"},
    "redaction": GROUND | {"model"},
    "archive": GROUND | OUTSIDE | {"model", "timeline", "prices", "redaction"},
    "index": GROUND | OUTSIDE | {"model", "timeline", "prices", "redaction", "query", "archive"},
    "recorder": GROUND | OUTSIDE | {"config", "model", "timeline", "prices", "redaction", "archive"},
    "logs": GROUND | OUTSIDE | {"config", "model", "timeline", "redaction", "archive", "recorder"},
    "adapters": GROUND | OUTSIDE | {"config", "model", "timeline", "redaction", "recorder", "logs", "interop"},
    "receivers": GROUND
    | OUTSIDE
    | {"config", "model", "timeline", "prices", "redaction", "archive", "recorder", "interop"},
    "interop": GROUND | {"model", "timeline", "redaction"},
    "exporters": GROUND
    | OUTSIDE
    | {"config", "model", "timeline", "prices", "redaction", "query", "archive", "index", "report", "interop"},
    "importers": GROUND
    | OUTSIDE
    | {"config", "model", "timeline", "prices", "redaction", "archive", "recorder", "interop"},
    "alerts": GROUND
    | OUTSIDE
    | {"config", "model", "timeline", "prices", "redaction", "query", "archive", "index", "report"},
    "mcp": GROUND
    | OUTSIDE
    | {"config", "model", "timeline", "prices", "redaction", "query", "archive", "index", "report"},
    "testing": GROUND | OUTSIDE | {"model", "archive", "recorder"},
    "demo": GROUND | OUTSIDE | {"config", "model", "archive", "recorder", "logs", "adapters"},
    "report": GROUND | OUTSIDE | {"config", "model", "timeline", "prices", "query", "archive", "index"},
    "web": GROUND
    | OUTSIDE
    | {"config", "model", "timeline", "prices", "redaction", "query", "archive", "index", "report"}
    | {"alerts", "exporters", "receivers", "interop", "logs"},
    "cli": GROUND
    | OUTSIDE
    | {"config", "model", "timeline", "prices", "redaction", "query", "archive", "index", "report"}
    | {"adapters", "demo", "web", "logs", "alerts", "exporters", "importers", "receivers", "interop", "mcp"},
    "__init__": GROUND | {"config", "index", "logs", "recorder"},
    "__main__": {"cli"},
}

DOES_IO = {
    "os",
    "io",
    "time",
    "random",
    "socket",
    "subprocess",
    "threading",
    "logging",
    "pathlib",
    "asyncio",
    "secrets",
}


def modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py"))


def layer(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Every absolute import of a module: its name, its line, and whether it is for the type checker only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) in for_types
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            assert node.module is not None
            yield node.module, node.lineno, id(node) in for_types
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno, id(node) in for_types


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    here = layer(path)
    known = set(MAY_IMPORT)
    for name, line, _ in imported(path):
        parts = name.split(".")
        if parts[0] != "callscope" or len(parts) == 1:
            continue
        there = parts[1]
        if there not in known:  # a name of callscope itself
            assert here in {"adapters", "demo", "cli", "testing"}, f"{path}:{line}: import {name} from its module"
            continue
        assert there == here or there in MAY_IMPORT[here], f"{path}:{line}: {here} may not import {there}"


@pytest.mark.parametrize(
    "path", [path for path in modules() if layer(path) in PURE], ids=lambda path: str(path.relative_to(SOURCE))
)
def test_pure_modules_do_no_io(path: Path) -> None:
    for name, line, for_types in imported(path):
        assert for_types or name.split(".")[0] not in DOES_IO, f"{path}:{line}: {name} in a pure module"


def test_the_environment_is_read_in_one_module() -> None:
    readers = {
        str(path.relative_to(SOURCE))
        for path in modules()
        if any(word in path.read_text(encoding="utf-8") for word in ("os.environ", "os.getenv", "environ.get"))
    }

    assert readers == {"config.py"}


def test_exceptions_of_all_kinds_are_caught_in_known_places_only() -> None:
    """One boundary for our own bugs, and foreign code that may raise anything; each with its reason beside it."""
    for path in modules():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if "except Exception" in line or "except BaseException" in line:
                assert "noqa: BLE001 -- " in line, f"{path}:{number}: say why"


def test_what_the_package_offers_is_what_it_says() -> None:
    callscope = importlib.import_module("callscope")

    assert callscope.__all__ == sorted(callscope.__all__)
    assert len(callscope.__all__) <= 20
    held = {
        name
        for name, value in vars(callscope).items()
        if not name.startswith("_") and name not in sys.modules and not hasattr(value, "__path__")
    }
    submodules = {path.stem for path in SOURCE.iterdir()}
    assert held - submodules - {"annotations"} == set(callscope.__all__) - {"__version__"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500, f"{path} is too long: split it by noun"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert length <= 60, f"{path}:{node.lineno}: {node.name} has {length} lines"
