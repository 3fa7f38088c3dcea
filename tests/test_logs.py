"""Lines that people and programs read."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from osrsdiff import logs


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers, root.level = before


def test_text_line_holds_event_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("info", "text")
    logs.get("x").info("player fetched", player="lynx titan", metrics=4, empty="")
    _, level, text = capsys.readouterr().err.split(maxsplit=2)
    assert (level, text) == ("INFO", 'player fetched player="lynx titan" metrics=4 empty=""\n')


def test_a_time_is_written_as_iso_8601(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("info", "text")
    logs.get("x").info("put off", retry_at=datetime(2026, 1, 31, 12, 0, 0, 5, UTC))
    assert capsys.readouterr().err.endswith("put off retry_at=2026-01-31T12:00:00+00:00\n")


def test_a_line_break_in_a_field_makes_no_second_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("info", "text")
    logs.get("x").warning("bad", reason="a\nb=c")
    assert capsys.readouterr().err.count("\n") == 1


def test_json_line_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("info", "json")
    try:
        raise ValueError("no")
    except ValueError:
        logs.get("x").exception("failed", player="a")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["player"]) == ("failed", "error", "a")
    assert "ValueError: no" in line["traceback"]


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup("warning", "text")
    logs.get("x").info("quiet")
    assert capsys.readouterr().err == ""
