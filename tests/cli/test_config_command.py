"""`osrsdiff config`: values with their origin, secrets masked, warnings that stop nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


def test_each_value_is_shown_with_its_origin(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("osrsdiff.toml").write_text("[worker]\nconcurrency = 4\n")
    monkeypatch.setenv("OSRSDIFF_API__PORT", "9000")
    values = json.loads(invoke("config", "show", "--json").stdout)["values"]
    assert values["worker.concurrency"] == {"value": 4, "origin": "osrsdiff.toml:2"}
    assert values["api.port"] == {"value": 9000, "origin": "environment OSRSDIFF_API__PORT"}
    assert values["log.level"] == {"value": "info", "origin": "default"}
    table = invoke("config", "show").stdout
    assert "environment OSRSDIFF_API__PORT" in table


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_passwords_are_masked(arguments: tuple[str, ...], invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSRSDIFF_DATABASE__URL", "postgresql://me:hunter2@db/osrs")
    monkeypatch.setenv("OSRSDIFF_REDIS__URL", "redis://:hunter2@cache:6379/0")
    shown = invoke("config", "show", *arguments).stdout
    assert "hunter2" not in shown
    assert "postgresql://me:***@db/osrs" in shown


def test_a_good_configuration_says_so_and_warns(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSRSDIFF_REDIS__URL", "redis://elsewhere:6379/0")
    monkeypatch.setenv("OSRSDIFF_REDIS__ALLOW_REMOTE_WITH_SQLITE", "true")
    monkeypatch.setenv("OSRSDIFF_API__HOST", "0.0.0.0")
    result = invoke("config", "check")
    assert result.exit_code == 0
    assert "configuration is good" in result.stdout
    assert result.stderr.count("Warning: ") == 3
    assert not list(tmp_path.iterdir())
