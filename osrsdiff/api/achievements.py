"""Achievements over HTTP: what a player has reached, and when; what comes next."""

from msgspec.structs import asdict

from osrsdiff.api import achievement_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import name_document
from osrsdiff.api.sight import why_nothing
from osrsdiff.game.achievements import Reached
from osrsdiff.game.metrics import kind_of, name_of
from osrsdiff.game.progress import Progress
from osrsdiff.game.thresholds import Rule
from osrsdiff.tracking import achievements as tracking
from osrsdiff.tracking.achievements import PlayerAchievements


async def player_achievements(call: Call[Nothing, Nothing]) -> Reply[schemas.Achievements]:
    """Thresholds passed, each between two looks, and the next ones with how much of them is done.

    What was there when the metric was first seen has no date. What was reached once stays reached, whatever falls.
    """
    return Reply(achievements_document(await tracking.player_achievements(call.instance, call.username)))


def achievements_document(found: PlayerAchievements) -> schemas.Achievements:
    """A player's achievements as clients see them."""
    return schemas.Achievements(
        player=name_document(found.player),
        achievements=[_reached(one) for one in found.reached],
        ahead=[_ahead(one) for one in found.ahead],
        is_reckoned=found.is_reckoned,
        message=why_nothing(found.player) if found.player.last_look_at is None else None,
    )


def _reached(one: Reached) -> schemas.Achievement:
    return schemas.Achievement(**asdict(_threshold(one.rule)), reached_at=one.at, after=one.after)


def _ahead(one: Progress) -> schemas.NextAchievement:
    return schemas.NextAchievement(**asdict(_threshold(one.rule)), value=one.value, percent=one.percent)


def _threshold(rule: Rule) -> schemas.Threshold:
    return schemas.Threshold(
        title=rule.name,
        metric=rule.metric,
        name=name_of(rule.metric),
        kind=kind_of(rule.metric),
        measure=rule.measure,
        threshold=rule.threshold,
    )
