"""Gains of random histories over random windows, as the reference works them out."""

from collections.abc import Awaitable, Callable

from hypothesis import given
from hypothesis import strategies as st
from model import History
from strategies import histories, moment, on_random_histories, times_of

from osrsdiff.game.gains import Bracket, level_of
from osrsdiff.game.periods import Window
from osrsdiff.storage import gains as storage
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player

Play = Callable[[History], Awaitable[Player]]


@st.composite
def histories_and_windows(draw: st.DrawFn) -> tuple[History, list[tuple[int, int]]]:
    history = draw(histories())
    pairs = draw(st.lists(st.tuples(times_of(history), times_of(history)), min_size=1, max_size=6))
    return history, [(start, end) for start, end in map(sorted, pairs) if start < end]


@on_random_histories
@given(drawn=histories_and_windows())
async def test_gains_of_any_window(db: Database, played: Play, drawn: tuple[History, list[tuple[int, int]]]) -> None:
    history, windows = drawn
    player = await played(history)
    for start, end in windows:
        async with db.reading() as conn:
            gained = await storage.gains_of(conn, player.username, Window(moment(start), moment(end)))
        assert gained is not None
        found = gained[1]
        gains = {
            gain.metric: (
                tuple((k.at.timestamp(), k.value, k.rank, level_of(gain.metric, k)) for k in (gain.start, gain.end)),
                (gain.gained, gain.levels_gained, gain.first_seen, gain.fell),
            )
            for gain in found.gains
        }
        expected = {metric: ((gain.start, gain.end), gain[2:]) for metric, gain in history.gains(start, end).items()}
        assert gains == expected
        assert _bracket(found.start) == history.bracket(start)
        assert _bracket(found.end) == history.bracket(end)


def _bracket(found: Bracket | None) -> tuple[float, float | None] | None:
    if found is None:
        return None
    return found.earliest.timestamp(), found.latest.timestamp() if found.latest else None
