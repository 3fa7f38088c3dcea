"""Files that are nearly what can be imported: what is told of them, and that reading them takes no memory."""

import gzip
import sqlite3
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from osrsdiff.errors import FileNotUsable
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.transfer import items as it
from osrsdiff.tracking.transfer import lines
from osrsdiff.tracking.transfer.import_report import ImportReport
from osrsdiff.tracking.transfer.importing import import_file
from osrsdiff.tracking.transfer.items import BadRow
from osrsdiff.tracking.transfer.reading import Format, read_items
from osrsdiff.tracking.transfer.writing import format_named, writing

AT = datetime(2026, 10, 1, 12, tzinfo=UTC)
NAMES = ("all.jsonl", "all.jsonl.gz", "all.zip", "all.sqlite")
HEADING = b"player,date,metric,value\n"

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture(params=NAMES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def write(path: Path, form: int = 1) -> Path:
    with writing(path, format_named(path.name) or Format.CSV, replace=True) as add:
        add(it.Header(form, "osrsdiff 9.1", AT, 0))
    return path


def packed(path: Path, change: Callable[[bytes], bytes], name: str) -> None:
    """Changes a file of a zip, or the whole of another file."""
    if path.suffix != ".zip":
        unpack, pack = (gzip.decompress, gzip.compress) if path.suffix == ".gz" else (bytes, bytes)
        path.write_bytes(pack(change(unpack(path.read_bytes()))))
        return
    with zipfile.ZipFile(path) as archive:
        found = {one: archive.read(one) for one in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, content in found.items():
            archive.writestr(one, change(content) if one == name else content)


async def bring(instance: Instance, path: Path) -> ImportReport:
    return await import_file(instance, path, stages=lambda _: nullcontext(lambda *_: None), now=AT, dry_run=True)


def test_a_newer_format_is_told_whatever_else_is_new_in_it(path: Path) -> None:
    write(path, 2)
    if path.suffix == ".sqlite":
        with sqlite3.connect(path) as link:
            link.execute("ALTER TABLE header ADD COLUMN instance TEXT")
            link.execute("DROP TABLE players")
        link.close()
    elif path.suffix == ".zip":
        packed(path, lambda text: text.replace(b"players", b"instance"), "header.csv")
    else:
        packed(path, lambda text: text.replace(b'"players":0', b'"instance":"abc"'), "")
    told = r"it was made by osrsdiff 9\.1 in format 2; this one reads up to 1: upgrade"
    with pytest.raises(FileNotUsable, match=told):
        list(read_items(path))


@on_sqlite
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no,such,columns\n1,2,3\n", "has to name the columns player, date, metric, value."),
        ("größe\n".encode("latin-1"), "has to name the columns player, date, metric, value."),
        (b"\0\1", "it is neither JSON Lines"),
        (gzip.compress(HEADING), "If it is a CSV of dated values, unpack it first."),
    ],
)
async def test_what_is_neither(instance: Instance, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(FileNotUsable) as refused:
        await bring(instance, tmp_path / "file")
    assert "is no export of osrsdiff" in str(refused.value)
    assert told in str(refused.value)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path / "all.jsonl")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [item for _, item in read_items(path)] == [it.Header(1, "osrsdiff 9.1", AT, 0)]


@pytest.mark.parametrize("count", [0, 2])
def test_a_last_line_that_counted_something_else_is_told(count: int, tmp_path: Path) -> None:
    path = write(tmp_path / "all.jsonl")
    path.write_text(path.read_text().replace('"items":1', f'"items":{count}'))
    [_, (_, last)] = read_items(path)
    assert last == BadRow(f"By its last line the file has {count} items before it; it has 1.")


def test_a_view_is_no_table(tmp_path: Path) -> None:
    path = write(tmp_path / "all.sqlite")
    with sqlite3.connect(path) as link:
        link.execute("ALTER TABLE looks RENAME TO other")
        link.execute("CREATE VIEW Looks AS SELECT * FROM other")
    link.close()
    with pytest.raises(FileNotUsable, match="looks is no table"):
        list(read_items(path))


@on_sqlite
@pytest.mark.parametrize("name", ["all.zip", "all.jsonl.gz", "values.csv"])
async def test_a_line_without_end_takes_no_memory(instance: Instance, tmp_path: Path, name: str) -> None:
    path, endless = tmp_path / name, b"a" * 40_000_000
    if name == "values.csv":
        path.write_bytes(HEADING + endless + b"\nzezima,2024-01-01,attack,5\n")
    else:
        packed(write(path), lambda text: b"".join([text, endless, b"\n"]), "looks.csv")
    tracemalloc.start()
    try:
        report = await bring(instance, path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 15_000_000
    assert "too long" in report.refused[0].reason
    assert report.looks == (name == "values.csv")


@on_sqlite
async def test_a_quote_that_is_not_closed_is_told_where_it_is(instance: Instance, tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    rows = b'a,2024-01-01,attack,5\n"b,2024-01-01,attack,6\nc,2024-01-01,attack,7\n'
    path.write_bytes(HEADING + rows)
    report = await bring(instance, path)
    assert report.looks == 1
    [told] = report.refused
    assert (told.place, told.reason) == (3, 'a quote (") is opened here and not closed: all until line 4 is left out.')


def test_rows_of_csv_have_the_numbers_of_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 20)
    path = tmp_path / "a.csv"
    path.write_text(f'a,b\n\n"two\nlines",c\n{"x" * 99}\n"a"b,c\nd,e\n', newline="")
    with path.open(newline="") as file:
        found = list(lines.csv_rows(lines.CsvLines(file)))
    numbers = [number for number, _ in found]
    assert numbers == [1, 4, 5, 6, 7]
    assert [row for _, row in found if isinstance(row, list)] == [["a", "b"], ["two\nlines", "c"], ["d", "e"]]
