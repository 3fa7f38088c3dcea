"""The built wheel, alone in an empty environment: it has to bring its migrations and its configuration along."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_runs_from_anywhere(start_run: Callable[..., Any], tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT), cwd=tmp_path)
    (wheel,) = tmp_path.glob("osrsdiff-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"osrsdiff/migrations/env.py", "osrsdiff/migrations/versions/0001_initial.py"} <= names
    assert "osrsdiff/osrsdiff.toml" in names
    assert not any(name.startswith(("alembic/", "tests/")) for name in names)

    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", str(environment), cwd=tmp_path)
    python = environment / "bin" / "python"
    run(str(python), "-m", "pip", "install", "-q", str(wheel), cwd=tmp_path)
    started = start_run(python=str(python), PATH=f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}").ready()
    assert started.get("/readyz")[0] == 200
    added = started.command("player", "add", "Mudlark Jo")
    assert added.returncode == 0, added.stderr
    assert started.get("/api/v1/players/mudlark%20jo/stats")[1]["metrics"]
    assert started.program.stop() == 0
