"""A CSV of dated values: which rows can be true, what the others are told, what looks they come to."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from osrsdiff.errors import FileNotUsable
from osrsdiff.game.metrics import KNOWN
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.tracking.transfer import values
from osrsdiff.tracking.transfer.values import Values

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
HEADER = "player,date,metric,value"


@pytest.fixture
def known() -> set[str]:
    return {metric.key for metric in KNOWN}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "values.csv"


def read(path: Path, known: set[str], text: str, encoding: str = "utf-8") -> tuple[Values, list[tuple[int, str]]]:
    path.write_bytes(text.encode(encoding))
    refused: list[tuple[int, str]] = []
    found = Values()
    for _ in values.read(path, found, known, NOW, lambda line, reason: refused.append((line, reason))):
        pass
    return found, refused


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("zezima,soon,attack,5", "'soon' is no date"),
        ("zezima,,attack,5", "'' is no date"),
        ("zezima,2027-01-01,attack,5", "yet to come"),
        ("zezima,2007-01-01,attack,5", "before the game began"),
        ("zezima,1760000000000,attack,5", "is no date"),
        ("zezima,2026-01-01,juggling,5", "no metric is called 'juggling'"),
        ("zezima,2026-01-01,--,5", "it names no metric"),
        ("zezima,2026-01-01,attack,-1", "negative: leave out what is not known"),
        ("zezima,2026-01-01,attack,200000001", "beyond 200000000, the most there is in attack"),
        ("zezima,2026-01-01,overall,4800000001", "beyond 4800000000"),
        ("zezima,2026-01-01,zulrah,2147483648", "beyond 2147483647"),
        ("zezima,2026-01-01,attack,1.5", "no whole number"),
        ("zezima,2026-01-01,attack,", "no whole number"),
        ("zezima,2026-01-01", "names no metric"),
        ("much too long a name,2026-01-01,attack,5", "is not a player name"),
        ("zezima,2026-01-01,attack,5,0", "ranks begin at 1"),
        ("zezima,2026-01-01,attack,5,,70000", "level, 70000, is not that of 5 xp"),
        ("zezima,2026-01-01,overall,5,,9000", "level, 9000, is no total level"),
        ("zezima,2026-01-01,attack,5,,,extra", "it has 7 cells, the first line names 6"),
        ("Zezima,2026-01-01T00:00:00Z,Attack,7", "line 2 says otherwise"),
    ],
)
def test_what_can_not_be_true_is_told(row: str, reason: str, path: Path, known: set[str]) -> None:
    good = "zezima,2026-01-01,attack,6"
    found, refused = read(path, known, f"{HEADER},rank,level\n{good}\n{row}\n\nbob,2026-01-01,attack,7\n")
    assert [line for line, _ in refused] == [3]
    assert reason in refused[0][1]
    assert found.lines == 3
    assert {name: len(list(values.looks(found, name))) for name in ("zezima", "bob")} == {"zezima": 1, "bob": 1}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:30:00", datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
        ("2026-01-31 12:30+02:00", datetime(2026, 1, 31, 10, 30, tzinfo=UTC)),
        ("2026-01-31T12:30:00.9Z", datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
        ("1760000000", datetime.fromtimestamp(1_760_000_000, UTC)),
        ("1760000000.7", datetime.fromtimestamp(1_760_000_000, UTC)),
    ],
)
def test_dates(given: str, meant: datetime, path: Path, known: set[str]) -> None:
    found, refused = read(path, known, f"{HEADER}\nzezima,{given},attack,5\n")
    assert refused == []
    assert [look.at for look in values.looks(found, "zezima")] == [meant]


def test_rows_of_one_second_are_one_look(path: Path, known: set[str]) -> None:
    text = (
        "Value;Level;note;metric;RANK;Player;date\n"
        "200000000;99;;Attack;15;Lynx_Titan;2026-01-31\n"
        "4;;;Kree'Arra;;lynx titan;2026-01-31T01:00:00+01:00\n"
        "0;;;zulrah;-1;LYNX TITAN;2026-02-01\n"
        '83;;"two\nlines";Clue Scrolls (all);7;Lynx_Titan;2026-01-31\n'
        "4;;;kreearra;;lynx-titan;2026-01-31\n"
        "x;;;kreearra;;lynx-titan;2026-01-31\n"
    )
    found, refused = read(path, known, text, "utf-8-sig")
    assert [line for line, _ in refused] == [8]
    assert (found.ignored, found.twice, found.names) == (("note",), 1, {"lynx titan": "Lynx_Titan"})
    first, second = values.looks(found, "lynx titan")
    assert first.readings == {
        "attack": Reading(200_000_000, 15, 99, None),
        "kreearra": Reading(4, None, None, Unranked.BELOW_CUTOFF),
        "clue_scrolls_all": Reading(83, 7, None, None),
    }
    assert second.readings == {"zulrah": Reading(0, None, None, Unranked.ZERO)}
    assert not first.is_whole


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "player,date,metric\n", "player,player,date,metric,value\n", "\0"])
def test_a_first_line_that_names_no_columns(text: str, path: Path, known: set[str]) -> None:
    with pytest.raises(FileNotUsable, match="player, date, metric, value"):
        read(path, known, text)
    assert not values.is_values(path)
