"""`osrsdiff import` at the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "values.csv"
    path.write_text("player,date,metric,value\nLynx Titan,2026-01-31,Attack,100\nLynx Titan,soon,Attack,7\n")
    return path


def test_what_an_import_tells(invoke: Invoke, data_dir: Path, file: Path, empty_redis: None) -> None:
    place = ("--data-dir", data_dir)
    refused = "Left out (1):\n  line 3: 'soon' is no date: write 2026-01-31, 2026-01-31T12:00:00Z or epoch seconds.\n"
    nothing = invoke("import", file, "--all-or-nothing", *place)
    assert (nothing.exit_code, nothing.stdout) == (1, f"Nothing is imported: 1 bad row of 2.\n{refused}")
    dry = invoke("import", file, "--dry-run", *place)
    summary = "1 player: 1 new, 0 here before\n1 look: 1 stored, 0 changed nothing, 0 here before\n"
    assert dry.stdout == f"Nothing is changed. What an import would do:\n{summary}{refused}"
    done = invoke("import", file, *place)
    assert done.exit_code == 1
    outlook = "1 new player scheduled.\nRecords and achievements are being worked out anew.\n"
    assert done.stdout == summary + refused + outlook
    again = json.loads(invoke("import", file, "--json", *place).stdout)
    assert (again["looks_known"], again["looks_stored"], again["players_known"], again["refused_total"]) == (1, 0, 1, 1)


@pytest.mark.parametrize("text", ["no,such,columns\n1,2,3\n", "", "\x00\x01"])
def test_a_file_that_is_neither(invoke: Invoke, data_dir: Path, file: Path, text: str) -> None:
    file.write_text(text)
    result = invoke("import", file, "--data-dir", data_dir)
    assert result.exit_code == 2
    assert "is no export of osrsdiff" in result.stderr
    assert "Traceback" not in result.output
