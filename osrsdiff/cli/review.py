"""`osrsdiff review`: players whose sheet collapsed or whose mode can't be: listed, looked at, decided."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime

import click
from rich.text import Text

from osrsdiff.api import reviews as documents
from osrsdiff.cli import asking, output, tables, wording
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.inputs import AFTER, JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.reviews import Why
from osrsdiff.storage.players import Player
from osrsdiff.tracking import reviews as tracking
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.reviews import DEFAULT_LIMIT, MOST_AT_ONCE, Decided, ReviewPage, ReviewShown

NAME = click.argument("name", metavar="NAME")

_MOST_SHOWN = 40
_REASONS = {Why.COLLAPSE: "sheet collapsed", Why.IMPOSSIBLE_MODE: "game mode can't be"}


@click.group(cls=Commands)
def review() -> None:
    """Look at players whose name may have another owner, and decide.

    Such a player is tracked on, but stands on no leaderboard and in no table of records until somebody has decided. A
    sheet that comes back to what it was ends that by itself.
    """


@review.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that have ended.")
@click.option(
    "--limit", type=click.IntRange(1, MOST_AT_ONCE), default=DEFAULT_LIMIT, show_default=True, help="How many at most."
)
@AFTER
@JSON
def list_(everything: bool, limit: int, after: str | None, as_json: bool) -> None:
    """List the players who wait for a review, the newest first."""
    page = on_instance(
        lambda instance: tracking.list_reviews(instance, only_open=not everything, limit=limit, after=after),
        attached=False,
    )
    if as_json:
        output.print_json(documents.page_document(page))
    else:
        _print_page(page, datetime.now(UTC), everything=everything)


@review.command()
@NAME
@JSON
def show(name: str, as_json: bool) -> None:
    """Show why a player is to be reviewed: what fell, what rose."""
    player, found = on_instance(lambda instance: tracking.player_reviews(instance, name), attached=False)
    if as_json:
        output.print_json(documents.reviews_document(player, found))
    else:
        _print_reviews(player, found, datetime.now(UTC))


@review.command()
@NAME
@JSON
def accept(name: str, as_json: bool) -> None:
    """Decide that it is the same player, whatever fell."""
    _decide(lambda instance: tracking.accept(instance, name), as_json=as_json)


@review.command()
@NAME
@click.option("--renamed-to", metavar="NAME", help="How the player of before is called now, to be tracked on.")
@JSON
def split(name: str, renamed_to: str | None, as_json: bool) -> None:
    """Decide that it is somebody else from the flagged look on.

    Who that is keeps the name and the schedule, as a new player. What was seen before stays with the old one, who is
    paused under an archived name such as "lynx titan~1", or goes on with --renamed-to. Where
    that name can't be given, nothing is done.
    """
    _decide(lambda instance: tracking.split(instance, name, renamed_to=renamed_to), as_json=as_json)


@review.command()
@NAME
@asking.YES
@JSON
def discard(name: str, yes: bool, as_json: bool) -> None:
    """Throw away what was seen from the flagged look on. This can't be undone.

    For what the hiscores got wrong: where the owner really changed, the next look flags the player again; `split` then.
    Not where it is the game mode that can't be: that takes `accept` or `split`.
    """
    if not yes:
        question = f"Throw away what was seen of {name} from the flagged look on? This can't be undone."
        asking.ask(question, otherwise="Discarding deletes looks")
    _decide(lambda instance: tracking.discard(instance, name), as_json=as_json)


def _decide(decide: Callable[[Instance], Coroutine[object, object, Decided]], *, as_json: bool) -> None:
    decided = on_instance(decide)
    if as_json:
        output.print_json(documents.decided_document(decided))
    else:
        tables.print_line(documents.decided_in_words(decided))


def _print_page(page: ReviewPage, now: datetime, *, everything: bool) -> None:
    if not page.items:
        output.note("No reviews yet." if everything else "Nobody waits for a review.")
        return
    headings = ["Player", "Flagged", "Reason", *(["Ended"] if everything else [])]
    rows = [
        [
            one.player.display_name,
            wording.local(one.review.flagged_at, now),
            one.review.detail,
            *([one.review.resolution.value if one.review.resolution else "-"] if everything else []),
        ]
        for one in page.items
    ]
    tables.print_table(headings, rows, wrapped=("Reason",))
    if page.next is not None:
        output.note(f"There are more: --after {page.next}, or a larger --limit.")


def _print_reviews(player: Player, found: list[ReviewShown], now: datetime) -> None:
    if not found:
        output.note(f"{player.display_name} was never flagged.")
    for place, one in enumerate(found):
        if place:
            tables.print_line("")
        _print_review(player, one, now)


def _print_review(player: Player, one: ReviewShown, now: datetime) -> None:
    found = one.review
    tables.print_title(player.display_name, _REASONS[found.why])
    facts: dict[str, tables.Cell] = {
        "flagged": wording.moment(found.flagged_at, now),
        "look before": wording.moment(found.after, now, "none"),
        "reason": found.detail,
        "ended": Text("open", style="yellow") if found.resolution is None else _ended(one, now),
    }
    tables.print_facts(facts)
    if one.moved:
        rows = [_row(each) for each in one.moved[:_MOST_SHOWN]]
        tables.print_table(
            ("Metric", "Before", "Then", "Change", "Now"), rows, right=("Before", "Then", "Change", "Now")
        )
        if len(one.moved) > _MOST_SHOWN:
            output.note(f"{wording.counted(len(one.moved) - _MOST_SHOWN, 'metric')} more: --json")
    if found.resolution is None:
        ways = "accept|split" if found.why is Why.IMPOSSIBLE_MODE else "accept|split|discard"
        output.note(f"Decide with: osrsdiff review {ways} {player.display_name!r}")


def _ended(one: ReviewShown, now: datetime) -> str:
    found = one.review
    return f"{found.resolution.value if found.resolution else ''} {wording.moment(found.resolved_at, now)}"


def _row(one: tracking.Moved) -> list[tables.Cell]:
    style = "red" if one.fell else ""
    return [
        Text(one.metric.name, style=style),
        wording.number(one.before),
        wording.number(one.after),
        Text(wording.signed(one.after - one.before), style=style),
        wording.number(one.now),
    ]
