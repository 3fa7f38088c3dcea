"""What a player's newest sheet is once two histories are merged: its ranks, and the values that are known now. Pure.

`now`: what is known of each metric after all looks of both.
"""

from collections.abc import Mapping

from osrsdiff.game.snapshots import Reading, Sheet, Unranked


def led_by(sheet: Sheet, now: Sheet, *, is_whole: bool) -> dict[str, Reading]:
    """The newest sheet, with what only other looks know carried forward; after a partial look, as they saw it."""
    led = {}
    for metric, reading in now.items():
        newest = sheet.get(metric)
        if newest is None or newest.value != reading.value:
            is_hidden = is_whole if newest is None else newest.unranked is Unranked.HIDDEN
            led[metric] = _carried(reading) if is_hidden else reading
    return {**{m: r for m, r in led.items() if m not in sheet}, **{m: led.get(m, r) for m, r in sheet.items()}}


def and_more(sheet: Sheet, now: Sheet) -> dict[str, Reading]:
    """The newest sheet as it was, and what it lacks carried forward."""
    return {**{m: _carried(reading) for m, reading in now.items() if m not in sheet}, **sheet}


def moved_on(sheet: Sheet, now: Sheet, newer: Mapping[str, Reading]) -> dict[str, Reading]:
    """What was the newest sheet, with the values that are known now; `newer`: as looks since then have shown them."""
    kept = dict(sheet)
    for metric, reading in now.items():
        before = sheet.get(metric)
        if before is None or before.value != reading.value:
            kept[metric] = reading
    return {**kept, **{m: r for m, r in newer.items() if now[m].value == r.value}}


def _carried(known: Reading) -> Reading:
    return Reading(known.value, None, known.level, Unranked.HIDDEN)
