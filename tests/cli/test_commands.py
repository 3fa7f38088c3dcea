"""The table of commands: each is there, none is imported before it is called, and all end the same way."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from osrsdiff.cli import COMMANDS, exits, osrsdiff
from osrsdiff.errors import (
    ConfigError,
    InstanceMissing,
    InvalidPeriod,
    NotRanked,
    OsrsdiffError,
    PlayerNotFound,
    RedisUnreachable,
)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_table_exists(name: str) -> None:
    command = osrsdiff.get_command(click.Context(osrsdiff), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_help_lists_every_command_and_the_exit_codes(invoke: Callable[..., Result]) -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    assert all(listed.summary in result.stdout for listed in COMMANDS.values())
    assert "3  not set up" in result.stdout


def test_a_command_imports_only_what_it_needs() -> None:
    code = """
import sys
from osrsdiff.cli import osrsdiff
osrsdiff(["config", "show"], standalone_mode=False)
heavy = {"sqlalchemy", "aiosqlite", "alembic", "aiohttp", "taskiq", "redis", "anyio"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "line",
    [
        ["--data-dir", "here", "config", "show", "--json"],
        ["config", "--data-dir", "here", "show", "--json"],
        ["config", "show", "--json", "--data-dir", "here"],
    ],
)
def test_the_place_may_be_named_anywhere(line: list[str], invoke: Callable[..., Result], tmp_path: Path) -> None:
    assert f'"data_dir": "{tmp_path / "here"}"' in invoke(*line).stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PlayerNotFound("zezima"), 2),
        (InvalidPeriod("no"), 2),
        (ConfigError("no"), 3),
        (InstanceMissing("no"), 3),
        (RedisUnreachable("no"), 4),
        (NotRanked("no"), 1),
    ],
)
def test_each_branch_of_the_errors_has_its_exit_code(error: OsrsdiffError, code: int) -> None:
    assert exits.exit_code(error) == code


def test_an_unexpected_error_is_one_line_with_a_hint(
    invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError("nobody thought of this\nand of that")

    monkeypatch.setattr("osrsdiff.config.load", fail)
    result = invoke("config", "show")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: ZeroDivisionError: nobody thought of this "
        "This should not happen; `osrsdiff --debug …` shows where it comes from.\n"
    )
    assert "Traceback" in invoke("--debug", "config", "show").stderr


def test_an_interrupted_command_says_so_by_its_exit_code(
    invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("osrsdiff.config.load", interrupt)
    assert invoke("config", "show").exit_code == 130
