"""`osrsdiff group` on an instance on which nothing runs: everything is saved, what can't be done is reported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


@pytest.fixture
def group(invoke: Invoke, data_dir: Path) -> Invoke:
    """`osrsdiff group`; the group iron-squad is there, and so are two players."""

    def call(*arguments: str | Path, **given: Any) -> Result:
        return invoke("--data-dir", data_dir, "group", *arguments, **given)

    assert call("create", "Iron Squad", "--description", "Thursdays at eight").exit_code == 0
    assert invoke("--data-dir", data_dir, "player", "add", "Lynx Titan", "zezima", "--no-wait").exit_code == 0
    return call


def members(group: Invoke) -> dict[str, str]:
    document = json.loads(group("show", "iron-squad", "--json").stdout)
    return {one["player"]["username"]: one["role"] for one in document["items"]}


def test_a_group_is_made_listed_renamed_and_deleted(group: Invoke) -> None:
    assert "its key is b-team" in group("create", "B Team").stdout
    listed = group("list")
    assert ("iron-squad" in listed.stdout, "Thursdays at eight" in listed.stdout) == (True, True)
    first = json.loads(group("list", "--limit", "1", "--json").stdout)
    assert ([one["key"] for one in first["items"]], first["next"]) == (["b-team"], "b-team")
    assert "--after b-team" in group("list", "--limit", "1").stderr
    assert [one["key"] for one in json.loads(group("list", "--after", "b-team", "--json").stdout)["items"]] == [
        "iron-squad"
    ]
    renamed = group("rename", "Iron Squad", "--name", "Rune Squad")
    assert "Rune Squad  changed, its key is iron-squad" in renamed.stdout
    changed = json.loads(group("rename", "iron-squad", "--key", "rune", "--description", "", "--json").stdout)
    assert (changed["key"], changed["name"], changed["description"]) == ("rune", "Rune Squad", "")
    assert group("delete", "rune").exit_code == 2
    assert "deleted; its players stay" in group("delete", "rune", "--yes").stdout
    assert [one["key"] for one in json.loads(group("list", "--json").stdout)["items"]] == ["b-team"]


def test_each_name_is_reported_and_one_bad_one_stops_nothing(group: Invoke) -> None:
    added = group("add", "iron-squad", "LYNX_titan", "nobody", "no!name", "--role", "captain")
    assert added.exit_code == 1
    assert "lynx titan    added" in added.stdout
    assert "Iron Squad  1 added." in added.stdout
    assert "No tracked player is called 'nobody'" in added.stderr
    assert "'no!name' is not a player name" in added.stderr
    assert members(group) == {"lynx titan": "captain"}
    again = group("add", "iron-squad", "lynx titan", "--role", "scout")
    assert (again.exit_code, "has another role now" in again.stdout) == (0, True)
    assert "is in it already" in group("add", "iron-squad", "lynx titan").stdout
    assert group("add", "iron-squad", "nobody").exit_code == 2


def test_who_is_not_tracked_is_tracked_on_demand(group: Invoke) -> None:
    added = group("add", "iron-squad", "B0aty", "--track")
    assert (added.exit_code, added.stderr) == (0, "")
    assert "b0aty         added, tracked from now on" in added.stdout
    assert "Redis does not answer: who is new is fetched once it does." in added.stdout
    assert members(group) == {"b0aty": "member"}


def test_a_file_is_imported_and_its_bad_lines_named(group: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_bytes("\ufeffRank,RSN\r\ncaptain,Lynx Titan\r\nscout,no!name\r\n,b0aty # new\r\n".encode())
    done = group("import", "iron-squad", file, "--json")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert (document["added"], document["tracked"], document["bad_line_count"]) == (2, 1, 1)
    assert "line 3: 'no!name' is not a player name" in done.stderr
    assert members(group) == {"lynx titan": "captain", "b0aty": "member"}
    left = group("import", "iron-squad", "-", "--no-track", "--role", "guest", stdin="zezima\nnobody\n")
    assert (left.exit_code, "No tracked player is called 'nobody'" in left.stderr) == (1, True)
    assert members(group)["zezima"] == "guest"


def test_taking_out_keeps_the_players(group: Invoke, tmp_path: Path) -> None:
    group("add", "iron-squad", "lynx titan", "zezima")
    file = tmp_path / "names.txt"
    file.write_text("zezima\n")
    taken = group("remove", "iron-squad", "nobody", "--file", file)
    assert (taken.exit_code, "1 player taken out" in taken.stdout) == (1, True)
    assert group("remove", "iron-squad", "zezima").exit_code == 2
    assert members(group) == {"lynx titan": "member"}


def test_the_groups_of_a_player_are_listed_with_its_role_in_each(group: Invoke) -> None:
    group("create", "B Team")
    group("add", "iron-squad", "zezima", "--role", "captain")
    assert group("list", "--player", "Zezima").stdout.splitlines()[3].split()[:4] == [
        "iron-squad", "Iron", "Squad", "captain",
    ]  # fmt: skip
    document = json.loads(group("list", "--player", "zezima", "--json").stdout)
    assert [(one["group"]["key"], one["role"]) for one in document["items"]] == [("iron-squad", "captain")]
    assert "In no group." in group("list", "--player", "lynx titan").stderr


def test_a_group_is_shown_with_its_members_in_pages(group: Invoke) -> None:
    group("add", "iron-squad", "lynx titan", "zezima")
    shown = group("show", "iron squad", "--limit", "1")
    assert ("2 members" in shown.stdout, "Lynx Titan" in shown.stdout, "Zezima" in shown.stdout) == (True, True, False)
    assert "--after 'lynx titan'" in shown.stderr
    rest = json.loads(group("show", "iron-squad", "--after", "Lynx Titan", "--json").stdout)
    assert ([one["player"]["username"] for one in rest["items"]], rest["next"]) == (["zezima"], None)


def test_bad_input_says_what_to_do(group: Invoke) -> None:
    for line, says in (
        (["show", "nobodys"], "No group has the key 'nobodys'"),
        (["create", "Iron squad"], "'iron-squad' already"),
        (["create", "!!"], "needs a letter from a to z or a digit"),
        (["create", ""], "1 to 60 characters"),
        (["add", "iron-squad"], "Give at least one name, or --file."),
        (["add", "iron-squad", "zezima", "--role", "x" * 31], "A group's role has 1 to 30 characters"),
        (["remove", "iron-squad"], "Give at least one name, or --file."),
        (["import", "iron-squad", "missing.csv"], "missing.csv"),
        (["delete", "iron-squad"], "confirm with --yes"),
        (["list", "--after", "!"], "gives no key"),
        (["list", "--after", "a", "--player", "zezima"], "Give either --player or --after, not both."),
        (["list", "--player", "nobody"], "No tracked player is called 'nobody'"),
        (["rename", "iron-squad"], "Give --name, --key or --description."),
    ):
        result = group(*line)
        assert (line, result.exit_code, result.stdout) == (line, 2, "")
        assert says in result.stderr
