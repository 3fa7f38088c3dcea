"""`osrsdiff token`: who may use the API, and how far."""

from datetime import UTC, datetime
from functools import partial

import click
from msgspec import Struct

from osrsdiff.cli import output, tables, wording
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.storage.tokens import Scope, Token
from osrsdiff.tracking import tokens
from osrsdiff.tracking.instance import Instance


class TokenDocument(Struct, frozen=True):
    """A token without what it is made of."""

    id: int
    name: str
    scope: Scope
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewToken(TokenDocument, frozen=True):
    """A token with its plain text, which nobody can read again."""

    token: str


@click.group(cls=Commands)
def token() -> None:
    """Create, list and revoke the API's tokens."""


@token.command()
@click.argument("name")
@click.option("--scope", type=click.Choice([scope.value for scope in Scope]), required=True, help="What it may do.")
@JSON
def create(name: str, scope: str, as_json: bool) -> None:
    """Make a token and print it; this is the only time it can be read."""
    if not name.strip():
        raise click.BadParameter("it is empty", param_hint="NAME")
    made, plain = on_instance(lambda instance: tokens.create_token(instance.db, name, Scope(scope)), attached=False)
    if as_json:
        output.print_json(NewToken(*_fields(made), token=plain))
    else:
        output.note(f"Token {made.id}, scope {made.scope}. It is shown this once:")
        output.say(plain)


@token.command("list")
@JSON
def list_(as_json: bool) -> None:
    """List all tokens, the revoked ones too."""
    found = on_instance(lambda instance: tokens.list_tokens(instance.db), attached=False)
    if as_json:
        output.print_json([TokenDocument(*_fields(one)) for one in found])
        return
    now = datetime.now(UTC)
    rows = [
        (
            str(one.id),
            one.name,
            one.scope,
            wording.moment(one.created_at, now),
            wording.moment(one.last_used_at, now),
            wording.moment(one.revoked_at, now, "-"),
        )
        for one in found
    ]
    tables.print_table(("ID", "Name", "Scope", "Created", "Last used", "Revoked"), rows, right=("ID",))


@token.command()
@click.argument("token_id", metavar="ID", type=int)
def revoke(token_id: int) -> None:
    """Make a token worthless: at once for changes, within 3 seconds for reads."""
    on_instance(partial(_revoke, token_id), attached=False)
    output.say(f"Token {token_id} is revoked.")


async def _revoke(token_id: int, instance: Instance) -> None:
    await tokens.revoke_token(instance.db, token_id)


def _fields(one: Token) -> tuple[int, str, Scope, datetime, datetime | None, datetime | None]:
    return one.id, one.name, one.scope, one.created_at, one.last_used_at, one.revoked_at
