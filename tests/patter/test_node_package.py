"""The package for Node is installed from its folder, without a registry and without a build."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from node_writer import JS, needs_node, node

from callscope.testing import call_dirs, metadata

PAGE = JS.parent / "docs" / "typescript.md"


@needs_node
def test_npm_installs_the_folder_and_the_guides_program_records_a_call(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not there")
    app = tmp_path / "app"
    app.mkdir()
    (app / "package.json").write_text(json.dumps({"name": "app", "type": "module"}), encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PATTER_LOG_DIR": str(tmp_path / "root")}
    install = [npm, "install", "--offline", "--no-audit", "--no-fund", str(JS)]
    subprocess.run(install, cwd=app, env=environment, check=True, capture_output=True, timeout=60)
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("```js\n")
    (app / "agent.js").write_text(rest.partition("```")[0], encoding="utf-8")
    subprocess.run([node(), "agent.js"], cwd=app, env=environment, check=True, timeout=60)

    (directory,) = call_dirs(tmp_path / "root")
    assert metadata(directory)["status"] == "completed"
    assert metadata(directory)["callscope"]["lost"] == {}


@pytest.mark.e2e
@needs_node
def test_its_own_tests_pass() -> None:
    tests = sorted((JS / "test").glob("*.test.js"))
    result = subprocess.run(
        [node(), "--test", *tests], cwd=JS, capture_output=True, text=True, timeout=240, check=False
    )

    assert len(tests) >= 3
    assert result.returncode == 0, result.stdout
