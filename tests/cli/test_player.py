"""`osrsdiff player` on an instance on which nothing runs: everything is saved, and the commands say what waits."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


@pytest.fixture
def player(invoke: Invoke, data_dir: Path) -> Invoke:
    return lambda *arguments, **kwargs: invoke("--data-dir", data_dir, "player", *arguments, **kwargs)


def names(result: Result) -> list[str]:
    return [each["username"] for each in json.loads(result.stdout)["items"]]


def test_a_player_is_saved_while_nothing_runs(player: Invoke) -> None:
    result = player("add", "Lynx Titan")
    assert result.exit_code == 0, result.stderr
    assert "added, every 1 h" in result.stdout
    assert "fetching starts with `osrsdiff run`" in result.stderr
    assert names(player("list", "--json")) == ["lynx titan"]


def test_one_bad_name_does_not_stop_the_rest(player: Invoke) -> None:
    result = player("add", "Lynx Titan", "lynx!titan", "zezima", "--json")
    assert result.exit_code == 1
    assert "'lynx!titan' is not a player name" in result.stderr
    document = json.loads(result.stdout)
    assert document["fetching"] is False
    done = {each["name"]: (each["done"], each["username"]) for each in document["results"]}
    assert done == {"lynx!titan": (False, None), "Lynx Titan": (True, "lynx titan"), "zezima": (True, "zezima")}
    assert names(player("list", "--json")) == ["lynx titan", "zezima"]


def test_one_player_in_several_spellings_is_added_once(player: Invoke) -> None:
    result = player("add", "Lynx Titan", "lynx_titan", "LYNX-TITAN", "--json")
    assert result.exit_code == 0, result.stderr
    assert [each["name"] for each in json.loads(result.stdout)["results"]] == ["Lynx Titan"]


def test_a_player_who_is_tracked_already_is_refused(player: Invoke) -> None:
    player("add", "Lynx Titan")
    result = player("add", "lynx titan")
    assert result.exit_code == 2
    assert "lynx titan is tracked already" in result.stderr


def test_names_come_from_a_file(player: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "clan.txt"
    file.write_text("# our clan\nLynx Titan\n\n  zezima  \n#nobody\n")
    assert player("add", "b0aty", "--file", file, "--interval", "45").exit_code == 0
    listed = json.loads(player("list", "--json").stdout)["items"]
    assert [(each["username"], each["fetch_interval_minutes"]) for each in listed] == [
        ("b0aty", 45),
        ("lynx titan", 45),
        ("zezima", 45),
    ]


def test_names_come_from_standard_input(player: Invoke) -> None:
    assert player("add", "--file", "-", stdin="Lynx Titan\nzezima\n").exit_code == 0
    assert names(player("list", "--json")) == ["lynx titan", "zezima"]


def test_a_list_is_read_in_pages(player: Invoke) -> None:
    player("add", "a", "b", "c")
    first = json.loads(player("list", "--limit", "2", "--json").stdout)
    assert ([each["username"] for each in first["items"]], first["next"]) == (["a", "b"], "b")
    last = json.loads(player("list", "--limit", "2", "--after", "b", "--json").stdout)
    assert ([each["username"] for each in last["items"]], last["next"]) == (["c"], None)
    assert "--after 'b'" in player("list", "--limit", "2").stderr


def test_an_empty_list_says_what_to_do(player: Invoke) -> None:
    result = player("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "osrsdiff player add" in result.stderr
    assert json.loads(player("list", "--json").stdout) == {"items": [], "next": None}


def test_pausing_and_resuming(player: Invoke) -> None:
    player("add", "a", "b")
    result = player("pause", "a", "b")
    assert result.exit_code == 0, result.stderr
    assert "paused; takes effect when `osrsdiff run` has a Redis again" in result.stdout
    assert names(player("list", "--paused", "--json")) == ["a", "b"]
    assert player("resume", "b").exit_code == 0
    assert names(player("list", "--active", "--json")) == ["b"]


def test_changing_the_interval(player: Invoke) -> None:
    player("add", "a")
    result = player("interval", "a", "90")
    assert (result.exit_code, "every 1 h 30 min" in result.stdout) == (0, True)
    assert json.loads(player("show", "a", "--json").stdout)["player"]["fetch_interval_minutes"] == 90


def test_a_player_never_looked_at_is_shown(player: Invoke) -> None:
    player("add", "Lynx Titan")
    document: Any = json.loads(player("show", "lynx_titan", "--json").stdout)
    assert document["player"]["display_name"] == "Lynx Titan"
    assert document["next_fetch_at"] is None
    assert set(document["headline"].values()) == {None}
    assert "never" in player("show", "lynx_titan").stdout


def test_fetching_now_needs_something_that_runs(player: Invoke) -> None:
    player("add", "a")
    result = player("fetch", "a")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "Nothing is running here. Start it with: osrsdiff run" in result.stderr


def test_removing_deletes(player: Invoke) -> None:
    player("add", "a", "b")
    result = player("remove", "a", "nobody", "--yes")
    assert result.exit_code == 1
    assert "removed, with its history" in result.stdout
    assert "No tracked player is called 'nobody'" in result.stderr
    assert names(player("list", "--json")) == ["b"]


def test_a_queued_fetch_without_a_worker_is_not_done(player: Invoke, empty_redis: None) -> None:
    added = player("add", "a")
    assert added.exit_code == 0, added.stderr
    assert "fetching starts with `osrsdiff run`" in added.stderr
    player("add", "b")
    fetched = player("fetch", "b", "--json")
    assert (fetched.exit_code, json.loads(fetched.stdout)["fetching"]) == (1, False)


def test_a_fetch_joins_one_that_waits(player: Invoke, empty_redis: None) -> None:
    assert "queued" in player("add", "a").stdout
    again = player("fetch", "a")
    assert (again.exit_code, "joined a fetch that waits already" in again.stdout) == (1, True)
    assert json.loads(player("fetch", "a", "--json").stdout)["results"][0]["joined"] is True


_NOT_FOUND = "UPDATE players SET missing_since = 1700000000, failures = 9, last_outcome = 'not_ranked' WHERE id = 1"


def test_who_is_not_found_is_told_since_when(player: Invoke, data_dir: Path) -> None:
    player("add", "a", "b")
    with sqlite3.connect(data_dir / "osrsdiff.db") as connection:
        connection.execute(_NOT_FOUND)
    connection.close()
    listed = player("list").stdout.splitlines()
    assert [" not found since 2023-11-1" in line for line in listed[2:]] == [True, False]
    shown = player("show", "a").stdout
    assert "Not found" in shown
    assert ", so looked at less often" in shown
    assert "Not found" not in player("show", "b").stdout
    assert json.loads(player("show", "a", "--json").stdout)["player"]["missing_since"] == "2023-11-14T22:13:20Z"
