"""Bars: drawn where somebody looks, silent in a pipe or a file."""

import os
import pty
import sys

import pytest

from osrsdiff.cli.bars import bar

_DRAW = """
import sys
from osrsdiff.cli import bars
from osrsdiff.cli.bars import bar
bars.SHOWN_AFTER_S = float(sys.argv[1])
with bar("Pausing players") as tell:
    for done in range(0, 100_001, 1_000):
        tell(done, 100_000)
print("done")
"""


def drawn_at_a_terminal(environment: dict[str, str], *, shown_after_s: float = 0.0) -> str:
    """What a terminal of 80 columns is sent."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update({"COLUMNS": "80", "TERM": "xterm", **environment})
        os.execv(sys.executable, [sys.executable, "-c", _DRAW, str(shown_after_s)])
    sent = b""
    try:
        while some := os.read(terminal, 65_536):
            sent += some
    except OSError:
        pass  # what reading from a terminal that is closed gives on Linux
    os.close(terminal)
    assert os.waitpid(process, 0)[1] == 0, sent.decode()
    return sent.decode()


def test_a_bar_tells_how_much_how_fast_how_long_and_goes() -> None:
    sent = drawn_at_a_terminal({})
    assert "Pausing players" in sent
    assert "100,000 of 100,000" in sent
    assert "/s" in sent
    assert sent.rstrip().endswith("done")


def test_a_terminal_that_cannot_draw_is_spared_the_bar() -> None:
    assert drawn_at_a_terminal({"TERM": "dumb"}).split() == ["done"]


def test_short_work_shows_no_bar() -> None:
    assert "Pausing" not in drawn_at_a_terminal({}, shown_after_s=3_600)


def test_nobody_looks_at_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("Pausing players") as tell:
        tell(1, 2)
    assert capsys.readouterr() == ("", "")
