"""`osrsdiff snapshots`: what each look changed, and the full sheet as it was at any time."""

from datetime import UTC, datetime

import click
from rich.text import Text

from osrsdiff.api import history as documents
from osrsdiff.api import history_schemas as schemas
from osrsdiff.api.sight_schemas import MetricReading
from osrsdiff.cli import output, tables, wording
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON, TIME
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.metrics import MetricKind
from osrsdiff.tracking import snapshots as tracking
from osrsdiff.tracking.instance import Instance

_NAMED = 3
_HEADINGS = {MetricKind.SKILL: "Skill", MetricKind.BOSS: "Boss", MetricKind.ACTIVITY: "Activity"}


@click.command(cls=Command)
@click.argument("name", metavar="NAME")
@click.option("--at", type=TIME, metavar="TIME", help="The full sheet as it was then: 2026-01-31, '2026-01-31 12:00'.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many looks at most.")
@click.option(
    "--after", type=TIME, metavar="NEXT", help="What follows a page: its `next`, or any time to go back from."
)
@JSON
def snapshots(name: str, at: datetime | None, limit: int, after: datetime | None, as_json: bool) -> None:
    """Show the looks that changed something, the newest first, or with --at the sheet at any time."""
    now = datetime.now(UTC)
    if at is not None:
        sheet = on_instance(lambda instance: _sheet(instance, name, at), attached=False)
        if as_json:
            output.print_json(sheet)
        else:
            _print_sheet(sheet, now)
        return
    page = on_instance(lambda instance: _page(instance, name, after, limit), attached=False)
    if as_json:
        output.print_json(page)
    else:
        _print_page(page, now)


async def _sheet(instance: Instance, name: str, at: datetime) -> schemas.SheetAt:
    return documents.sheet_body(*await tracking.sheet_at(instance, name, at))


async def _page(instance: Instance, name: str, after: datetime | None, limit: int) -> schemas.SnapshotPage:
    player, found = await tracking.list_snapshots(instance, name, before=after, limit=limit + 1)
    return documents.snapshots_body(player, found, limit)


def _print_page(page: schemas.SnapshotPage, now: datetime) -> None:
    tables.print_line(Text(page.player.display_name, style="bold"))
    if page.message:
        tables.print_line(page.message)
        return
    rows = [(wording.local(one.taken_at, now), _since(one, now), _changes(one)) for one in page.items]
    tables.print_table(("Seen", "Since", "Changed"), rows, wrapped=("Changed",))
    if any(one.has_fall for one in page.items):
        tables.print_line(Text("! fell although it can't: a rollback, or a new owner of the name", style="red"))
    if any(one.in_review for one in page.items):
        output.note(f"What counts is to be decided; see: osrsdiff review show {page.player.display_name!r}")
    if page.next is not None:
        output.note(f"There are more: --after {page.next.astimezone():%Y-%m-%dT%H:%M:%S%z}, or a larger --limit.")


def _since(one: schemas.Snapshot, now: datetime) -> str:
    return "first look" if one.previous_look_at is None else wording.local(one.previous_look_at, now)


def _changes(one: schemas.Snapshot) -> Text:
    """The first few by name, of what fell before all others; what was first seen is counted."""
    moved = sorted((change for change in one.changes if not change.first_seen), key=lambda change: not change.fell)
    parts = [f"{'! ' if change.fell else ''}{change.name} {wording.signed(change.gained)}" for change in moved[:_NAMED]]
    if len(moved) > _NAMED:
        parts.append(f"{len(moved) - _NAMED} more")
    if first_seen := len(one.changes) - len(moved):
        parts.append(f"{wording.counted(first_seen, 'metric')} first seen")
    review = "in review: " if one.in_review else ""
    return Text(review + ", ".join(parts), style="red" if one.has_fall else "")


def _print_sheet(sheet: schemas.SheetAt, now: datetime) -> None:
    tables.print_title(sheet.player.display_name, f"at {wording.local(sheet.at, now)}")
    if sheet.message:
        tables.print_line(sheet.message)
        return
    tables.print_line(_sureness(sheet, now))
    for kind, heading in _HEADINGS.items():
        rows = [_line(one, now) for one in sheet.metrics if one.kind is kind and one.value]
        if rows:
            tables.print_line("")
            headings = (heading, "Value", "Level", "Rank", "Since")
            tables.print_table(headings, rows, right=headings[1:4], wrapped=(heading,))


def _sureness(sheet: schemas.SheetAt, now: datetime) -> str:
    sure = sheet.accuracy
    if sure is None or sure.earliest == sure.latest:
        return "exactly so"
    if sure.latest is None:
        return f"as of the last look, {wording.local(sure.earliest, now)}"
    return (
        f"as of {wording.local(sure.earliest, now)}; the next look, at {wording.local(sure.latest, now)}, saw changes"
    )


def _line(one: MetricReading, now: datetime) -> list[tables.Cell]:
    return [
        one.name,
        wording.number(one.value),
        wording.number(one.level),
        wording.number(one.rank),
        wording.local(one.seen_at, now),
    ]
