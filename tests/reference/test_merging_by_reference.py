"""Looks brought in among those that were fetched: the history is what playing all of them in order comes to."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from model import History
from seen import RATINGS, Sheet
from stored import rows_of
from strategies import NEW_BOSS, histories, moment, on_random_histories, on_some_random_histories

from osrsdiff.game import records
from osrsdiff.game.merged import Look
from osrsdiff.game.snapshots import Reading, State
from osrsdiff.storage import arrivals, tables
from osrsdiff.storage import history as storage
from osrsdiff.storage.arrived import Belongings
from osrsdiff.storage.engine import Database
from osrsdiff.storage.metrics import ids_of
from osrsdiff.storage.moves import Arrival
from osrsdiff.storage.players import Player
from osrsdiff.storage.records import of_player as records_of
from osrsdiff.tracking.reckoning import rebuild
from osrsdiff.tracking.transfer.arriving import Arriving, Pace, Person

Add = Callable[..., Awaitable[Player]]
See = Callable[..., Awaitable[None]]


class Said(NamedTuple):
    """A look, and all that it is known to have shown."""

    at: int
    sheet: Sheet
    is_fetched: bool
    side: int = 0


class Expected(NamedTuple):
    """A look as it has to be stored."""

    at: int
    before: int | None
    changes: dict[str, tuple[int | None, int | None]]
    has_fall: bool


@st.composite
def mixed(draw: st.DrawFn) -> tuple[list[Said], list[Said]]:
    """A history of which some looks are fetched and others, perhaps of a few metrics alone, are given later."""
    history = draw(histories(most_looks=10))
    fetched, told = list[Said](), list[Said]()
    known: Sheet = {}
    for look in history.looks:
        sheet = _shown(Said(look.at, look.sheet, False))
        if draw(st.booleans()):
            known = {**known, **sheet}  # nothing is hidden again: nobody could tell
            fetched.append(Said(look.at, known, True))
        elif sheet:
            named = draw(st.lists(st.sampled_from(sorted(sheet)), min_size=1, unique=True))
            told.append(Said(look.at, {metric: sheet[metric] for metric in named}, False))
    return but_quiet_ones(fetched), told


def fetched_as_kept(fetched: list[Said]) -> list[Said]:
    """Fetched looks, each with all that was known by then."""
    known: Sheet = {}
    kept = []
    for look in fetched:
        known = {**known, **_shown(look)}
        kept.append(look._replace(sheet=known))
    return kept


def but_quiet_ones(fetched: list[Said]) -> list[Said]:
    """Without those that changed nothing, of which nothing is kept; the last one moves the state."""
    known: Sheet = {}
    kept = []
    for look in fetched:
        shown = _shown(look)
        if not kept or look is fetched[-1] or any(differs(one, known.get(one), shown[one]) for one in shown):
            kept.append(look)
        known |= shown
    return kept


def _shown(look: Said) -> Sheet:
    return {metric: reading for metric, reading in look.sheet.items() if reading.value is not None}


def differs(metric: str, before: Reading | None, after: Reading) -> bool:
    if before is None or before.value != after.value:
        return True
    return metric == "overall" and before.level != after.level


def played(looks: list[Said]) -> list[Expected]:
    """Every look that changes something, by looking through all that were before it."""
    found: list[Expected] = []
    for number, look in enumerate(looks):
        before = {
            metric: next((one for one in reversed(looks[:number]) if metric in one.sheet), None)
            for metric in look.sheet
        }
        changed = [m for m, one in before.items() if differs(m, one and one.sheet[m], look.sheet[m])]
        fetched = [one for one in looks[:number] if one.is_fetched and look.is_fetched and one.side == look.side]
        lasts = [
            max([one.at, *(old.at for old in fetched[-1:] if stood(metric, one, old, looks))])
            for metric in changed
            if (one := before[metric]) is not None
        ]
        falls = [m for m in changed if (one := before[m]) and _value(look, m) < _value(one, m) and m not in RATINGS]
        previous = min(lasts) if lasts else looks[number - 1].at if number else None
        if changed or not number:
            changes = {metric: _stored(metric, look.sheet[metric]) for metric in changed}
            found.append(Expected(look.at, previous, changes, bool(falls)))
    return found


def stood(metric: str, newest: Said, at: Said, looks: list[Said]) -> bool:
    """Whether what the newest look showed was known at another one, which a fetch takes for having shown it."""
    known = [look for look in looks if look.at <= at.at and metric in look.sheet]
    since = [look for look in looks if at.at < look.at <= newest.at and metric in look.sheet]
    return bool(known) and not any(differs(metric, known[-1].sheet[metric], look.sheet[metric]) for look in since)


@on_random_histories
@given(mixture=mixed(), rows=st.sampled_from([1, 10_000]), cut=st.integers(0, 10))
async def test_given_looks_among_fetched_ones(
    db: Database, add: Add, see: See, mixture: tuple[list[Said], list[Said]], rows: int, cut: int
) -> None:
    fetched, told = mixture
    player = await begun(db, add)
    for look in fetched[:-1]:
        await see(player, look.sheet, look.at, reckons=False)
    is_late = bool(fetched and told and fetched[-1].at > told[-1].at)
    if is_late:  # what is hidden then stands as it is known by then, which depends on what was brought in
        is_late = fetched_as_kept(fetched)[-1].sheet == _shown(fetched[-1])
    if fetched and not is_late:
        await see(player, fetched[-1].sheet, fetched[-1].at, reckons=False)
    given_looks = [Look(moment(look.at), None, look.sheet, is_whole=False) for look in told]
    await give(db, player, given_looks[:cut], rows, is_killed=True)

    async def late(number: int) -> None:
        """A fetch while the looks are brought in."""
        if is_late and number == len(told) // 2:
            await see(player, fetched[-1].sheet, fetched[-1].at, reckons=False)

    await give(db, player, given_looks, rows, meanwhile=late)
    if is_late:  # what it came after, without having changed anything, is known to the next import
        await give(db, player, given_looks, rows)
    expected = played(sorted([*fetched_as_kept(fetched), *told]))
    assert await stored(db, player) == expected
    await check_state(db, player, fetched_as_kept(fetched), told, expected)
    before = await state_of(db, player)
    await give(db, player, given_looks, rows)
    assert await state_of(db, player) == before
    assert await stored(db, player) == expected
    await check_reckoned(db, player, expected)


@on_some_random_histories
@given(
    history=histories(most_looks=10),
    rows=st.sampled_from([1, 10_000]),
    sides=st.lists(st.booleans(), min_size=10, max_size=10),
)
async def test_what_another_instance_has_seen(
    db: Database, add: Add, see: See, history: History, rows: int, sides: list[bool]
) -> None:
    ours, theirs = list[Said](), list[Said]()
    known: Sheet = {}
    for number, look in enumerate(history.looks):
        known = {**known, **_shown(Said(look.at, look.sheet, True))}  # nothing is hidden again: nobody could tell
        (ours if sides[number] else theirs).append(Said(look.at, known, True, sides[number]))
    ours, theirs = but_quiet_ones(ours), but_quiet_ones(theirs)
    player, other = await begun(db, add), await add()
    for whose, looks in ((player, ours), (other, theirs)):
        for look in looks:
            await see(whose, look.sheet, look.at, reckons=False)
    async with db.reading() as conn:
        known = await arrivals.known(conn, other.id, moment(0))
    found = [Look(row.at, row.previous_at, row.readings, True, row.has_fall) for row in known.rows]
    for _ in range(2):
        await give(db, player, found, rows, newest=known.state)
        expected = played(sorted([*fetched_as_kept(ours), *fetched_as_kept(theirs)]))
        assert await stored(db, player) == expected
    await check_state(db, player, [*ours, *theirs], [], expected)


async def begun(db: Database, add: Add) -> Player:
    async with db.writing() as conn:
        await ids_of(conn, {NEW_BOSS.key}, [NEW_BOSS], at=moment(0))
    return await add()


async def nothing(_: int) -> None:
    pass


async def give(
    db: Database,
    player: Player,
    looks: list[Look],
    rows: int,
    *,
    newest: State | None = None,
    is_killed: bool = False,
    meanwhile: Callable[[int], Awaitable[None]] = nothing,
) -> None:
    pace = Pace()
    pace.rows = rows
    pace.took = lambda *_: None  # type: ignore[method-assign]
    arrival = Arrival(player.username, player.display_name, player.game_mode, 60, player.created_at)
    arriving = Arriving(db, Person(arrival, True, None, newest), pace, dry_run=False, now=moment(0))
    await arriving.begin()
    for number, look in enumerate(looks):
        await meanwhile(number)
        await arriving.look(look)
    if is_killed:
        return
    came = await arriving.end(Belongings())
    assert came.looks_stored + came.looks_unchanged + came.looks_known == len(looks)


async def stored(db: Database, player: Player) -> list[Expected]:
    changes: dict[int, dict[str, tuple[int | None, int | None]]] = {}
    for at, key, value, level in await rows_of(db, player, tables.changes, "taken_at", "key", "value", "level"):
        changes.setdefault(at, {})[key] = (value, level if key == "overall" else None)
    async with db.reading() as conn:
        snapshots = await conn.all(
            tables.snapshots.select().where(tables.snapshots.c.player_id == player.id).order_by("taken_at"),
            {"player_id_1": player.id},
        )
    assert changes.keys() <= {row[1] for row in snapshots}
    return [Expected(at, before, changes.get(at, {}), bool(fall)) for _, at, before, fall, _ in snapshots]


async def state_of(db: Database, player: Player) -> Any:
    async with db.reading() as conn:
        return await storage.load_state(conn, player.id)


async def check_state(
    db: Database, player: Player, fetched: list[Said], told: list[Said], expected: list[Expected]
) -> None:
    state = await state_of(db, player)
    if not expected:
        assert state is None
        return
    values: dict[str, int | None] = {}
    for look in sorted([*fetched, *told]):
        values |= {metric: reading.value for metric, reading in _shown(look).items()}
    assert {metric: one.value for metric, one in state.sheet.items() if one.value is not None} == values
    counted = [one.at for one in fetched] + [one.at for one in expected]
    assert state.looked_at == moment(max(counted))
    assert state.taken_at == moment(expected[-1].at)
    listed = dict(await rows_of(db, player, tables.current_values, "key", "value"))
    assert {metric: value for metric, value in values.items() if value} == {m: v for m, v in listed.items() if v}


async def check_reckoned(db: Database, player: Player, expected: list[Expected]) -> None:
    instance: Any = SimpleNamespace(db=db)  # all of one that reckoning takes
    await rebuild(instance, [player.username])
    looks = [(moment(one.at), None if one.before is None else moment(one.before)) for one in expected]
    series: dict[str, list[Any]] = {}
    for one in expected:
        for metric, (value, _) in one.changes.items():
            series.setdefault(metric, []).append((moment(one.at), value))
    async with db.reading() as conn:
        found = await records_of(conn, player.id)
    assert {(one.metric, one.period): one for one in found} == {
        (one.metric, one.period): one for one in records.rebuilt(looks, series)
    }


def _value(look: Said, metric: str) -> int:
    value = look.sheet[metric].value
    assert value is not None
    return value


def _stored(metric: str, reading: Reading) -> tuple[int | None, int | None]:
    return reading.value, reading.level if metric == "overall" else None
