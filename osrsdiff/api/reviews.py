"""Reviews over HTTP: players whose sheet collapsed or whose mode can't be; what of them is decided."""

from datetime import UTC

from msgspec import UNSET, structs

from osrsdiff.api import problems
from osrsdiff.api import review_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import name_document, player_document
from osrsdiff.api.following import of_player
from osrsdiff.api.pages import leading_on
from osrsdiff.api.parsing import or_none
from osrsdiff.api.problems import Refused
from osrsdiff.api.review_schemas import Action
from osrsdiff.errors import InvalidUsername, SameName
from osrsdiff.game.reviews import Resolution
from osrsdiff.game.usernames import canonical
from osrsdiff.storage.players import Player
from osrsdiff.storage.reviews import Review
from osrsdiff.tracking import reviews as tracking
from osrsdiff.tracking.reviews import Decided, Moved, ReviewPage, ReviewShown

REVIEWS = "/api/v1/reviews"

_LATER = "Redis does not answer, so schedules and records follow by themselves once it does."
_DECIDE = {Action.ACCEPT: tracking.accept, Action.DISCARD: tracking.discard}


async def list_reviews(call: Call[schemas.ReviewsQuery, Nothing]) -> Reply[schemas.ReviewPage]:
    """Players to be looked at by somebody, the newest first; with `all` also what was decided.

    While a player is flagged it is tracked on, and stands on no leaderboard and in no table of records.
    """
    query = call.query
    page = await tracking.list_reviews(
        call.instance, only_open=not query.all, limit=query.limit, after=or_none(query.after)
    )
    return Reply(page_document(page), leading_on(REVIEWS, query.limit, page.next, {"all": query.all or UNSET}))


async def player_reviews(call: Call[Nothing, Nothing]) -> Reply[schemas.PlayerReviews]:
    """A player's reviews, the newest first, with what fell and rose."""

    async def make() -> Reply[schemas.PlayerReviews]:
        return Reply(reviews_document(*await tracking.player_reviews(call.instance, call.username)))

    return await of_player(call, make)


async def decide_review(call: Call[Nothing, schemas.DecideReview]) -> Reply[schemas.ReviewDecided]:
    """Ends the review that a player is flagged for. Records and achievements are reckoned anew within minutes.

    Where what was discarded was the new owner's, the next look flags the player again: split then. A split with
    `renamed_to` is refused as renaming by itself is, with all reasons, and then nothing is done: split without it, and
    rename the archived player, with `force` where you know better.

    Where two decide the same at once, both are told so.
    """
    action, renamed_to = call.body.action, or_none(call.body.renamed_to)
    if action is Action.SPLIT:
        decided = await _split(call, renamed_to)
    elif renamed_to is not None:
        raise Refused(
            problems.INVALID_FIELD, f"renamed_to: {action} renames nobody, only split does.", field="renamed_to"
        )
    else:
        decided = await _DECIDE[action](call.instance, call.username)
    return Reply(decided_document(decided))


async def _split(call: Call[Nothing, schemas.DecideReview], renamed_to: str | None) -> Decided:
    try:
        if renamed_to is not None:
            canonical(renamed_to)
    except InvalidUsername as error:
        raise Refused(problems.INVALID_USERNAME, str(error), field="renamed_to") from error
    try:
        return await tracking.split(call.instance, call.username, renamed_to=renamed_to)
    except SameName as error:
        raise Refused(problems.INVALID_FIELD, f"renamed_to: {error}", field="renamed_to") from error


def page_document(page: ReviewPage) -> schemas.ReviewPage:
    """Reviews as clients see them."""
    return schemas.ReviewPage([review_document(one.player, one.review) for one in page.items], page.next)


def reviews_document(player: Player, found: list[ReviewShown]) -> schemas.PlayerReviews:
    """A player's reviews as clients see them."""
    return schemas.PlayerReviews(name_document(player), [_shown(player, one) for one in found])


def review_document(player: Player, review: Review) -> schemas.Review:
    """One review."""
    return schemas.Review(player=name_document(player), **structs.asdict(review))


def decided_document(decided: Decided) -> schemas.ReviewDecided:
    """How a review ended, in words too."""
    named = decided.apart or decided.player
    return schemas.ReviewDecided(
        player=player_document(decided.player),
        apart=player_document(decided.apart) if decided.apart else None,
        review=review_document(named, decided.review),
        scheduled=decided.scheduled,
        message=decided_in_words(decided),
    )


def decided_in_words(decided: Decided) -> str:
    """What was decided, and what comes of it."""
    name, at = (decided.apart or decided.player).display_name, decided.review.flagged_at.astimezone(UTC)
    match decided.review.resolution:
        case Resolution.DISCARDED:
            told = f"What was seen of {name} from {at:%Y-%m-%d %H:%M} UTC on is thrown away."
        case Resolution.SPLIT:
            kept = f"is kept as {decided.player.display_name}" + (
                "" if decided.player.is_active else ", which is paused"
            )
            told = f"{name} is somebody else from {at:%Y-%m-%d %H:%M} UTC on. What was seen before {kept}."
        case _:
            told = f"{name} is the same player; the flag has ended."
    return told if decided.scheduled else f"{told} {_LATER}"


def _shown(player: Player, one: ReviewShown) -> schemas.ReviewShown:
    review = structs.asdict(review_document(player, one.review))
    return schemas.ReviewShown(**review, moved=[_moved(each) for each in one.moved])


def _moved(one: Moved) -> schemas.MetricMoved:
    metric = one.metric
    return schemas.MetricMoved(metric.key, metric.name, metric.kind, one.before, one.after, one.now, one.fell)
