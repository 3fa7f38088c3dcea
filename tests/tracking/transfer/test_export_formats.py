"""Files of items: the same items come back from every format, and what is damaged is told without a traceback."""

import csv
import gzip
import io
import sqlite3
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osrsdiff.errors import FileNotUsable, Outcome
from osrsdiff.game.events import EventKind
from osrsdiff.game.metrics import MetricKind
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import RecordPeriod
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.game.snapshots import Unranked
from osrsdiff.game.thresholds import Measure
from osrsdiff.tracking.transfer import items as it
from osrsdiff.tracking.transfer.items import BadRow, Item, Place
from osrsdiff.tracking.transfer.reading import Format, format_of, read_items
from osrsdiff.tracking.transfer.writing import format_named, writing

NAMES = ("all.jsonl", "all.jsonl.gz", "all.zip", "all.sqlite")
AT = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

HEADER = it.Header(1, "osrsdiff 0.1.0", AT, 2)
METRIC = it.Metric("attack", "Attack", MetricKind.SKILL, AT)
GROUP = it.Group("few", "=Few", "", AT)


def player(username: str, **values: object) -> it.Player:
    return it.Player(username, values.pop("display_name", username), GameMode.REGULAR, True, 60, AT, **values)  # type: ignore[arg-type]


def look(username: str, hours: int, *changes: it.Change) -> it.Look:
    return it.Look(username, AT + hours * HOUR, AT if hours else None, changes=changes)


STATE = it.State(2, AT + 2 * HOUR, AT + HOUR, (it.Reading("zulrah"), it.Reading("attack", 7, 1, 2)))
SAMPLE: list[Item] = [
    HEADER,
    METRIC,
    GROUP,
    player("ann", display_name="-Ann", state=STATE, last_outcome=Outcome.CHANGED),
    look("ann", 0, it.Change("attack", 5, 10, None), it.Change("zulrah", 0, None, None, Unranked.ZERO)),
    look("ann", 1, it.Change("attack", 7)),
    it.ModeChange("ann", AT, GameMode.HARDCORE, GameMode.IRONMAN, None),
    it.NameChange("ann", AT, "bob", "ann", "Bob", True, AT, None),
    it.Review("ann", AT, Why.COLLAPSE, "@all of it", AT, None, None),
    it.Achievement("ann", "attack", Measure.LEVEL, 99, AT, AT),
    it.Record("ann", "attack", RecordPeriod.DAY, 2, AT, AT + HOUR),
    it.Event("ann", AT, EventKind.LEVEL_UP, AT, "attack", 2, 1, ""),
    it.Member("ann", "few", "+1", AT),
    player("ann~1"),
    it.Event("ann~1", AT, EventKind.FIRST_SEEN),
    player("bob"),
    look("bob", 0),
]


def write_half(add: Callable[[Item], None]) -> None:
    for item in SAMPLE:
        add(item)
    raise ZeroDivisionError


def write(path: Path, items: list[Item]) -> Path:
    form = format_named(path.name)
    assert form is not None
    with writing(path, form, replace=True) as add:
        for item in items:
            add(item)
    return path


def read(path: Path) -> list[tuple[Place, Item | BadRow]]:
    return list(read_items(path))


def good(path: Path) -> list[Item]:
    return [item for _, item in read(path) if not isinstance(item, BadRow)]


def bad(path: Path) -> list[tuple[Place, str]]:
    return [(place, item.reason) for place, item in read(path) if isinstance(item, BadRow)]


times = st.integers(0, 4 * 10**9).map(lambda at: datetime.fromtimestamp(at, UTC))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=12) | st.sampled_from(
    ["=1+1", "'", "''", "'=", "@x", "\t", "a,b", '"', "\r\n", "null", "-", "7"]
)
wholes = st.integers(0, 2**40)
smalls = st.integers(0, 2**30)
decided = st.none() | st.sampled_from(Resolution)
ranks = st.integers(1, 2**31 - 1)
levels = st.integers(0, 2**15 - 1)
metrics = st.sampled_from(["attack", "zulrah", "overall", "=odd"])
usernames = st.from_regex(r"[a-z0-9]{1,4}( [a-z0-9]{1,3})?(~[1-9][0-9]?)?", fullmatch=True)
changes = st.lists(
    st.builds(it.Change, metrics, wholes, st.none() | ranks, st.none() | levels, st.none() | st.sampled_from(Unranked)),
    unique_by=lambda change: change.metric,
).map(tuple)
readings = st.builds(it.Reading, metrics, st.none() | wholes, st.none() | ranks, st.none() | levels)
states = st.builds(it.State, smalls, times, times, st.lists(readings, max_size=3).map(tuple))


def of(made: type[Item], username: str, **own: st.SearchStrategy[object]) -> st.SearchStrategy[list[Item]]:
    known = {"player": st.just(username), "metric": metrics, "at": times, **own}
    fields = {name: strategy for name, strategy in known.items() if name in made.__struct_fields__}
    return st.lists(st.builds(made, **fields), max_size=2)


@st.composite
def files(draw: st.DrawFn) -> list[Item]:
    items: list[Item] = [it.Header(1, draw(texts), draw(times), draw(smalls))]
    items += [it.Metric("attack", draw(texts), MetricKind.SKILL, draw(times))]
    items += [it.Group("few", draw(texts) or "x", draw(texts), draw(times))]
    maybe = st.none() | times
    for username in sorted(draw(st.sets(usernames, max_size=3))):
        items.append(
            it.Player(
                username,
                draw(texts) or "x",
                draw(st.sampled_from(GameMode)),
                draw(st.booleans()),
                60,
                *(draw(each) for each in (times, maybe, maybe, maybe, st.none() | st.sampled_from(Outcome), smalls)),
                state=draw(st.none() | states),
            )
        )
        seen = sorted(draw(st.sets(times, max_size=3)))
        items += [
            it.Look(username, at, draw(maybe), draw(st.booleans()), draw(st.booleans()), draw(changes)) for at in seen
        ]
        modes = st.sampled_from(GameMode)
        for some in (
            of(it.ModeChange, username, before=modes, mode=modes, after_at=maybe),
            of(it.NameChange, username, before=usernames, after=usernames, forced=st.booleans()),
            of(it.Review, username, flagged_at=times, why=st.sampled_from(Why), detail=texts, resolution=decided),
            of(it.Achievement, username, measure=st.sampled_from(Measure), threshold=wholes, reached_at=maybe),
            of(
                it.Record,
                username,
                period=st.sampled_from(RecordPeriod),
                gained=st.integers(-(2**40), 2**40),
                start_at=times,
                end_at=times,
            ),
            of(
                it.Event,
                username,
                kind=st.sampled_from(EventKind),
                metric=st.none() | metrics,
                detail=st.none() | texts,
            ),
            of(it.Member, username, group=st.just("few"), role=texts.filter(bool), joined_at=times),
        ):
            items += draw(some)
    return items


@settings(max_examples=15, deadline=None)
@given(files())
def test_every_format_gives_the_same_items_back(items: list[Item]) -> None:
    with TemporaryDirectory() as directory:
        for name in NAMES:
            path = write(Path(directory, name), items)
            assert [item for _, item in read(path)] == items, name


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_gives_the_same_file_again(name: str, tmp_path: Path) -> None:
    first = write(tmp_path / name, SAMPLE)
    assert good(first) == SAMPLE
    for other in NAMES:
        (tmp_path / other[::-1]).mkdir()
        through = write(tmp_path / other[::-1] / other, good(first))
        assert write(tmp_path / other[::-1] / name, good(through)).read_bytes() == first.read_bytes()


def test_times_are_written_alike_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    lines = write(tmp_path / "all.jsonl", [HEADER, look("ann", 1, it.Change("attack", 7))]).read_text().splitlines()
    assert lines[1] == (
        '{"type":"look","player":"ann","taken_at":"2026-10-01T13:00:00Z","previous_look_at":"2026-10-01T12:00:00Z",'
        '"changes":[{"metric":"attack","value":7}]}'
    )
    with sqlite3.connect(write(tmp_path / "all.sqlite", SAMPLE)) as link:
        assert link.execute("SELECT taken_at, has_fall FROM looks").fetchall()[1] == ("2026-10-01T13:00:00Z", 0)
        [schema] = link.execute("SELECT sql FROM sqlite_master WHERE name = 'changes'").fetchone()
        assert '"value" INTEGER NOT NULL, -- xp, kills or score' in schema
    link.close()


def rows(path: Path, table: str) -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        return list(csv.reader(io.StringIO(archive.read(f"{table}.csv").decode("utf-8-sig"), newline="")))


def test_no_text_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    path = write(tmp_path / "all.zip", SAMPLE)
    assert rows(path, "groups")[1][1] == "'=Few"
    assert rows(path, "players")[1][1] == "'-Ann"
    assert rows(path, "members")[1][2] == "'+1"
    assert rows(path, "reviews")[1][3] == "'@all of it"
    with zipfile.ZipFile(path) as archive:
        explained = archive.read("README.txt").decode()
    for name in ("changes.csv", "taken_at", "mode_pending_at"):
        assert name in explained


LINES = {
    b"\n": None,
    b"nonsense\n": "It is no JSON",
    b'{"type":"look","player":"ann"\n': "It is no JSON",
    b'\xff{"type":"end","items":1}\n': "It is no JSON",
    b'{"type":"look","player":"ann"}\n': "Object missing required field `taken_at`.",
    b'{"type":"look","player":"Ann","taken_at":"2026-10-01T13:00:00Z"}\n': "player: Expected `str` matching",
    b'{"type":"look","player":"ann","taken_at":"2026-10-01T13:00:00"}\n': "taken_at: Expected `datetime` with a",
    b'{"type":"look","player":"ann","taken_at":"2026-10-01T13:00:00Z","changes":[{"metric":"attack","value":-1}]}\n': (
        "changes[0].value: Expected `int` >= 0."
    ),
    b'{"type":"lock"}\n': "type: Invalid value 'lock'.",
    b'{"type":"header","format":1,"made_by":"","exported_at":"2026-10-01T13:00:00Z","players":0}\n': "a header already",
    b"[" * 100_000 + b"\n": "",
}


@pytest.mark.parametrize("line", LINES)
def test_a_bad_line_is_told_and_the_others_count(line: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "all.jsonl", SAMPLE)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], line, *lines[4:]]))
    assert good(path) == SAMPLE
    reason = LINES[line]
    if reason is None:
        assert not bad(path)
    else:
        [(place, told)] = bad(path)
        assert place == 5
        assert reason in told


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
def test_lines_that_are_cut_short_are_told(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, SAMPLE)
    whole = path.read_bytes()
    for size in (len(whole) - 1, len(whole) - 30, len(whole) // 2):
        path.write_bytes(whole[:size])
        assert SAMPLE[: len(good(path))] == good(path)
        if name == "all.jsonl" and size == len(whole) - 1:
            assert not bad(path)  # only the end of the last line
        else:
            assert "cut short" in bad(path)[-1][1] or "can't be unpacked" in bad(path)[-1][1]


def test_a_line_without_end_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osrsdiff.tracking.transfer.lines.LONGEST_LINE", 200)
    path = write(tmp_path / "all.jsonl", [HEADER, player("ann", display_name="A" * 40), player("bob")])
    path.write_bytes(path.read_bytes().replace(b"AAAA", b"A" * 500))
    assert good(path) == [HEADER, player("bob")]
    assert bad(path) == [(2, "The line is too long.")]


def changed_csv(path: Path, table: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    found[f"{table}.csv"] = change(found[f"{table}.csv"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in found.items():
            archive.writestr(name, content)


def behind(row: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content + row + b"\r\n"


CSV_ROWS = {
    "a look of nobody": ("looks", b"zoe,2026-10-01T13:00:00Z,,false,false", 5, "No player of this name"),
    "an earlier player": ("events", b"ann,2026-10-01T12:00:00Z,first_seen,,,,,", 4, "No player of this name"),
    "a change without its look": ("changes", b"bob,2026-10-02T12:00:00Z,attack,5,,,", 5, "no look at this time"),
    "too few cells": ("looks", b"bob,2026-10-01T13:00:00Z", 5, "It has 2 cells, and the heading 5."),
    "no number": ("changes", b"bob,2026-10-01T12:00:00Z,attack,5 ,,,", 5, "value: Expected `int`, got `str`."),
    "no such number": ("changes", b"bob,2026-10-01T12:00:00Z,attack,-5,,,", 5, "value: Expected `int` >= 0."),
    "no boolean": ("looks", b"bob,2026-10-01T13:00:00Z,,perhaps,false", 5, "has_fall: Expected `bool`, got `str`."),
    "no UTF-8": ("members", b"bob,few,\xe4\xf6\xfc,2026-10-01T12:00:00Z", 3, "It is not UTF-8."),
    "quotes that don't close": ("members", b'bob,few,"a,2026-10-01T12:00:00Z', 3, 'A quote (") is opened here'),
    "a player twice": ("players", b"bob,bob,regular,true,60,2026-10-01T12:00:00Z" + b"," * 16, 5, "sorted by username"),
    "half a state": (
        "players",
        b"zed,zed,regular,true,60,2026-10-01T12:00:00Z" + b"," * 14 + b"2,,",
        5,
        "Of its state only a part is there",
    ),
}


@pytest.mark.parametrize("case", CSV_ROWS)
def test_a_bad_row_of_a_csv_is_told_and_the_others_count(case: str, tmp_path: Path) -> None:
    table, row, line, reason = CSV_ROWS[case]
    path = write(tmp_path / "all.zip", SAMPLE)
    changed_csv(path, table, behind(row))
    is_torn = case in ("no number", "no such number")  # of the last look nobody knows all
    assert good(path) == (SAMPLE[:-1] if is_torn else SAMPLE)
    (place, told), *others = bad(path)
    assert (place, reason in told) == (f"{table}.csv, line {line}", True), told
    assert [place for place, _ in others] == ["looks.csv, line 4"] * is_torn


def test_columns_may_have_any_order_and_optional_ones_may_be_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "all.zip", [HEADER, player("bob"), look("bob", 0)])
    changed_csv(path, "looks", lambda _: b"taken_at,player\n2026-10-01T12:00:00Z,bob\n")
    assert good(path)[2] == look("bob", 0)


def test_a_damaged_csv_is_told_from_where_on(tmp_path: Path) -> None:
    path = write(tmp_path / "all.zip", SAMPLE)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("events.csv").header_offset + 30 + len("events.csv") + 25
    path.write_bytes(whole[:start] + b"\0" * 10 + whole[start + 10 :])
    assert [item for item in SAMPLE if not isinstance(item, it.Event)] == [
        item for item in good(path) if not isinstance(item, it.Event)
    ]
    assert bad(path)[-1][0] == "events.csv"
    path.write_bytes(whole[: len(whole) - 30])
    with pytest.raises(FileNotUsable, match="cut short"):
        read(path)


def test_rows_of_sqlite_that_are_wrong_are_told_and_the_others_count(tmp_path: Path) -> None:
    path = write(tmp_path / "all.sqlite", SAMPLE)
    with sqlite3.connect(path) as link:
        link.execute("INSERT INTO looks VALUES ('zoe', '2026-10-01T13:00:00Z', NULL, 0, 0)")
        link.execute("INSERT INTO changes VALUES ('bob', '2026-10-01T12:00:00Z', 'attack', 'many', NULL, NULL, NULL)")
        link.execute("UPDATE records SET gained = 'x' WHERE player = 'ann'")
    link.close()
    assert good(path) == [item for item in SAMPLE[:-1] if not isinstance(item, it.Record)]
    places = [place for place, _ in bad(path)]
    assert sorted(map(str, places)) == ["changes, row 4", "looks, row 3", "looks, row 4", "records, row 1"]


def test_a_damaged_sqlite_file_is_told(tmp_path: Path) -> None:
    many = [HEADER, player("ann"), *(look("ann", hours, it.Change("attack", hours)) for hours in range(3_000))]
    path = write(tmp_path / "all.sqlite", many)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        told = bad(path)
    except FileNotUsable as error:
        assert "can't be read" in str(error)  # noqa: PT017 - or the rows that can be read, and that there are no more
    else:
        assert told


NO_EXPORTS: dict[str, bytes] = {
    "empty": b"",
    "text": b"player,date,metric,value\n",
    "other JSON": b'{"a": 1}\n',
    "no header": b'{"type":"end","items":0}\n',
    "a newer format": (
        b'{"type":"header","format":2,"made_by":"osrsdiff 9","exported_at":"2026-10-01T13:00:00Z","players":0}\n'
    ),
    "a packed text": gzip.compress(b"hello"),
    "half a pack": gzip.compress(b'{"type":"header"' * 99)[:30],
    "half a zip": b"PK\x03\x04 and so on",
    "half a database": b"SQLite format 3\0 and so on",
}


@pytest.mark.parametrize("case", NO_EXPORTS)
def test_what_is_no_export_is_refused(case: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(NO_EXPORTS[case])
    with pytest.raises(FileNotUsable, match=f"{path.name} (is no export|can't be read)"):
        read(path)
    assert format_of(path) is None or case not in ("empty", "text")


def test_another_program_s_zip_or_database_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with sqlite3.connect(tmp_path / "a.db") as link:
        link.execute("CREATE TABLE a (b)")
    link.close()
    for name in ("a.zip", "a.db", "missing", "."):
        with pytest.raises(FileNotUsable):
            read(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_broken_off_leaves_no_file_and_the_old_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / name

    def broken(replace: bool) -> None:
        form = format_named(name) or Format.CSV
        with pytest.raises(ZeroDivisionError), writing(path, form, replace=replace) as add:
            write_half(add)

    broken(False)
    assert not list(tmp_path.iterdir())
    before = write(path, SAMPLE).read_bytes()
    broken(True)
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [before]
    with pytest.raises(FileNotUsable, match="is there already"), writing(path, Format.CSV, replace=False):
        pass
    for other in (tmp_path, tmp_path / "nowhere" / name):
        with pytest.raises(FileNotUsable), writing(other, Format.CSV, replace=True) as add:
            add(HEADER)


def test_the_format_follows_from_the_name_when_writing_and_from_the_content_when_reading(tmp_path: Path) -> None:
    named = {name: format_named(name) for name in (*NAMES, "a.NDJSON.gz", "a.db", "a.csv", "a.gz", "jsonl")}
    jsonl, packed, csvs, sqlite, ndjson, db, *nothing = named.values()
    assert (jsonl, packed, csvs, sqlite) == (Format.JSONL, Format.JSONL, Format.CSV, Format.SQLITE)
    assert (ndjson, db, *nothing) == (Format.JSONL, Format.SQLITE, None, None, None)
    for name in NAMES:
        assert format_of(write(tmp_path / name, SAMPLE).rename(tmp_path / "renamed")) == named[name]
