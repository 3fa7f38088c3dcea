"""Reading back which thresholds a player has passed, and which come next."""

from msgspec import Struct

from osrsdiff.game.achievements import Reached, satisfied
from osrsdiff.game.metrics import KNOWN
from osrsdiff.game.progress import Progress, next_ones
from osrsdiff.storage import achievements as table
from osrsdiff.storage import history
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import see_player


class PlayerAchievements(Struct, frozen=True):
    """`reached`: the newest first, then those of unknown date. `ahead`: the next ones, the nearest first.

    `is_reckoned`: whether that is all of the history's.
    """

    player: Player
    reached: list[Reached]
    ahead: list[Progress]
    is_reckoned: bool


async def player_achievements(instance: Instance, name: str) -> PlayerAchievements:
    """What the player has reached, and what comes next; both empty before the first look.

    Raises InvalidUsername, PlayerNotFound.
    """
    seen = await see_player(instance, name)
    player = seen.player
    async with instance.db.reading() as connection:
        state = await history.load_state(connection, player.id)
        stored = await table.of_player(connection, player.id)  # after it: what the state fulfils has its date
    if state is None:
        return PlayerAchievements(player, _newest_first(stored), [], seen.is_reckoned)
    dated = {one.rule for one in stored}
    undated = [
        Reached(rule.metric, rule.measure, rule.threshold, None, None)
        for rule in satisfied(state.sheet)
        if rule not in dated
    ]
    return PlayerAchievements(player, _newest_first([*stored, *undated]), next_ones(state.sheet), seen.is_reckoned)


def _newest_first(reached: list[Reached]) -> list[Reached]:
    """Of those reached at the same look, and of those that nobody knows the date of: Overall, skills, the others."""

    def order(one: Reached) -> tuple[bool, float, int, str, str, int]:
        at = 0.0 if one.at is None else one.at.timestamp()
        place = _PLACES.get(one.metric, len(_PLACES))
        return one.at is None, -at, place, one.metric, one.measure.value, -one.threshold

    return sorted(reached, key=order)


_PLACES = {metric.key: place for place, metric in enumerate(KNOWN)}
