"""Recorded series of real polls, answered again by a local server and fetched, differed and stored for real."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from osrsdiff.errors import Outcome
from osrsdiff.game.metrics import metric_key
from osrsdiff.hiscores.client import HiscoresClient
from osrsdiff.tracking.fetch import Fetcher, FetchReport, fetch_player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import add_player
from osrsdiff.tracking.sight import player_gains

SERIES = [
    "timeseries_hardcore_archonborn_2025-10-29_2025-11-19.jsonl",
    "timeseries_main_tx5_2025-12.jsonl",
    "timeseries_main_cryotherapy_overall-unranked_2025-10-20.jsonl",
]


def polls(recordings: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (recordings / name).read_text().splitlines()]


def known_values(body: dict[str, Any]) -> dict[str, int]:
    """The values that a body tells, by key: worked out here, by the rules on what -1 means and nothing else."""
    skills = {metric_key(row["name"]): row["xp"] for row in body["skills"] if row["xp"] >= 0}
    return skills | {metric_key(row["name"]): row["score"] for row in body["activities"] if row["score"] >= 0}


@asynccontextmanager
async def answering(bodies: Iterator[bytes]) -> AsyncIterator[str]:
    """A server that answers each request with the next body."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=next(bodies), content_type="application/json")

    app = web.Application()
    app.router.add_get("/{table}/index_lite.json", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def replayed(instance: Instance, fetcher: Fetcher, series: list[dict[str, Any]]) -> tuple[str, list[FetchReport]]:
    name = series[0]["player"]
    player = (await add_player(instance, name)).player
    reports = []
    bodies = iter([json.dumps(poll["body"]).encode() for poll in series])
    async with answering(bodies) as url, HiscoresClient(url, "") as client:
        for _ in series:
            report = await fetch_player(replace(fetcher, client=client), player.id)
            assert report is not None
            reports.append(report)
    return name, reports


@pytest.mark.parametrize("file", SERIES)
async def test_each_poll_stores_what_its_body_changed(
    instance: Instance, fetcher: Fetcher, recordings: Path, file: str
) -> None:
    series = polls(recordings, file)
    _, reports = await replayed(instance, fetcher, series)
    known: dict[str, int] = {}
    for poll, report in zip(series, reports, strict=True):
        values = known_values(poll["body"])
        changed = {metric for metric, value in values.items() if known.get(metric) != value}
        assert report.changed == len(changed), poll["fetched_at"]
        assert report.outcome is (Outcome.CHANGED if changed else Outcome.UNCHANGED)
        known |= values


@pytest.mark.parametrize("file", SERIES)
async def test_gains_equal_the_differences_of_the_bodies(
    instance: Instance, fetcher: Fetcher, recordings: Path, file: str
) -> None:
    series = polls(recordings, file)
    name, _ = await replayed(instance, fetcher, series)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for poll in series:
        values = known_values(poll["body"])
        first = values | first
        last = last | values
    _, gains = await player_gains(instance, name, period="hour")
    assert {gain.metric: gain.gained for gain in gains.gains} == {m: last[m] - first[m] for m in last}


async def test_rank_drift_makes_no_history(instance: Instance, fetcher: Fetcher, recordings: Path) -> None:
    series = polls(recordings, "timeseries_main_tx5_2025-12.jsonl")
    drifted = [
        (before, after)
        for before, after in pairwise(series)
        if known_values(before["body"]) == known_values(after["body"]) and before["body"] != after["body"]
    ]
    assert drifted, "the series no longer teaches this"
    _, reports = await replayed(instance, fetcher, list(drifted[0]))
    assert [report.outcome for report in reports] == [Outcome.CHANGED, Outcome.UNCHANGED]


async def test_zeros_and_hidden_scores_that_appeared_in_november_2025_are_no_gains(
    instance: Instance, fetcher: Fetcher, recordings: Path
) -> None:
    series = polls(recordings, "timeseries_hardcore_archonborn_2025-10-29_2025-11-19.jsonl")
    hidden = {metric_key(row["name"]) for row in series[0]["body"]["activities"] if row["score"] == -1}
    appeared = hidden & known_values(series[-1]["body"]).keys()
    assert len(appeared) > 20
    name, _ = await replayed(instance, fetcher, [series[0], series[-1]])
    _, gains = await player_gains(instance, name, period="hour")
    shown = {gain.metric: gain for gain in gains.gains if gain.metric in appeared}
    assert shown.keys() == appeared
    assert all(gain.first_seen and gain.gained == 0 for gain in shown.values())


async def test_a_metric_first_seen_is_registered_and_no_gain(
    instance: Instance, fetcher: Fetcher, recordings: Path
) -> None:
    series = polls(recordings, "timeseries_hardcore_archonborn_2025-10-29_2025-11-19.jsonl")
    name, _ = await replayed(instance, fetcher, series)
    _, gains = await player_gains(instance, name, period="hour")
    gryphon = next(gain for gain in gains.gains if gain.metric == "shellbane_gryphon")
    assert (gryphon.first_seen, gryphon.gained) == (True, gryphon.end.value - gryphon.start.value)
