"""Node, where it is there, and our writer for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JS = ROOT / "js"
VECTORS = ROOT / "tests" / "vectors"


@cache
def found_node() -> str | None:
    """Node 20 or newer; None where there is none."""
    found = shutil.which("node")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    major = version.strip().removeprefix("v").partition(".")[0]
    return found if major.isdigit() and int(major) >= 20 else None


needs_node = pytest.mark.skipif(
    found_node() is None, reason="Node 20 or newer is not there: the writer for it is not tested"
)


def node() -> str:
    """The program, in a test that needs it."""
    return found_node() or "node"


def run_node(*args: str | Path, root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with an archive; fails when it fails."""
    result = subprocess.run(
        [node(), *map(str, args)],
        env={"PATH": os.environ["PATH"], "PATTER_LOG_DIR": str(root), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result
