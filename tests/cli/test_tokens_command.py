"""`osrsdiff token`: made once, listed without its secret, revoked."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Invoke = Callable[..., Result]


def test_a_token_is_printed_once_alone_on_standard_output(invoke: Invoke, data_dir: Path) -> None:
    made = invoke("--data-dir", data_dir, "token", "create", "ci", "--scope", "read")
    assert made.exit_code == 0, made.stderr
    plain = made.stdout.strip()
    assert plain.startswith("osrsdiff_")
    listed = invoke("--data-dir", data_dir, "token", "list")
    assert "ci" in listed.stdout
    assert plain not in listed.stdout


def test_a_revoked_token_stays_in_the_list(invoke: Invoke, data_dir: Path) -> None:
    made = json.loads(invoke("--data-dir", data_dir, "token", "create", "ci", "--scope", "admin", "--json").stdout)
    assert made["revoked_at"] is None
    assert invoke("--data-dir", data_dir, "token", "revoke", str(made["id"])).exit_code == 0
    (listed,) = json.loads(invoke("--data-dir", data_dir, "token", "list", "--json").stdout)
    assert listed["revoked_at"] is not None
    assert "token" not in listed
