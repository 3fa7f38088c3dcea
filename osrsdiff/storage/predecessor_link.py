"""Reaches OSRS Diff's Postgres: the connection, and what is said of one that can't be had or used.

Never repeats what the driver says of a URL: it may quote the password. Needs asyncpg, which comes with the `postgres`
extra.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from osrsdiff.config import UNREADABLE, is_torn
from osrsdiff.errors import DatabaseBusy, DatabaseUnreachable, SetupError, UserError
from osrsdiff.storage.dialects import POSTGRES_SETTINGS, shown
from osrsdiff.storage.postgres import GONE

CONNECT_TIMEOUT_S = 10.0
CLOSING = (*GONE, asyncpg.InternalClientError, asyncpg.InterfaceError, TimeoutError)
"""What closing a connection may raise, whose server is gone already."""

_SETTINGS = {**POSTGRES_SETTINGS, "statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}


async def connect(url: str) -> Any:
    """A connection to the server that `url`, as `plain_url` gives it, names."""
    with explaining(url):
        try:
            return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S, server_settings=_SETTINGS)
        except (ValueError, asyncpg.ClientConfigurationError):
            raise UserError(f"{shown(url)} {UNREADABLE}") from None


def plain_url(url: str) -> str:
    """The URL as Postgres' own programs take it: without the driver that SQLAlchemy's has. Raises UserError."""
    scheme, separator, rest = url.partition("://")
    if scheme.partition("+")[0] not in ("postgresql", "postgres") or not separator:
        given = repr(shown(url)) if separator else "What is given"  # without a scheme nobody knows what to hide
        raise UserError(f"{given} names no Postgres: give postgresql://user:password@host/name.")
    if is_torn(url):
        raise UserError(f"{shown(url)} {UNREADABLE}")
    return f"postgresql://{rest}"


@contextmanager
def explaining(url: str) -> Iterator[None]:
    """Turns what asyncpg raises into what the caller can act on."""
    where = f"OSRS Diff's database {shown(url)}"
    try:
        yield
    except (*GONE, asyncpg.InternalClientError) as error:
        raise DatabaseUnreachable(f"{where} does not answer ({error or type(error).__name__}).") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise SetupError(f"{where} is not there: {error}.") from error
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise SetupError(f"{where} refuses the login: {error}.") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise SetupError(f"{where} does not let this user do that: {error}.") from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.DatatypeMismatchError) as error:
        raise SetupError(f"{where} is not as OSRS Diff makes it: {error}.") from error
    except asyncpg.LockNotAvailableError as error:
        raise DatabaseBusy(f"Another program keeps {where} locked.") from error
    except asyncpg.InterfaceError as error:
        raise DatabaseUnreachable(f"{where} does not answer ({error}).") from error
    except asyncpg.PostgresError as error:
        raise SetupError(f"{where} can't do that: {error}.") from error
