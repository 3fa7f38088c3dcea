"""Addresses to listen on: whether one can be had, and what to do where not. Serves nothing."""

import errno
import socket

from osrsdiff.errors import SetupError


def check_address(host: str, port: int) -> None:
    """Raises SetupError where nobody could listen on `host` and `port` now, before anything else has been started."""
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise refused(error, host, port) from error


def refused(error: OSError | UnicodeError, host: str, port: int) -> SetupError:
    """The error that says what to do where an address can't be listened on."""
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return SetupError(
            f"Port {port} on {host} is in use. Stop what listens there, or choose another port: "
            "--port, OSRSDIFF_API__PORT, or port in the section [api] of osrsdiff.toml."
        )
    if number == errno.EACCES:
        return SetupError(
            f"This user may not listen on port {port}; choose one above 1023 (api.port) and put a proxy in front."
        )
    if isinstance(error, socket.gaierror | UnicodeError) or number == errno.EADDRNOTAVAIL:
        return SetupError(
            f"api.host is {host!r}, which is no address of this machine. 127.0.0.1 is this machine alone, 0.0.0.0 all."
        )
    return SetupError(f"The API can't listen on {host} port {port}: {error}.")
