"""How a process of this program is tied to the one that started it: it dies with it, and tells it when it is ready.

Two mechanisms, both the operating system's own. The parent-death signal (prctl(2), Linux) leaves no orphan behind
whatever kills the parent; readiness speaks the protocol of sd_notify(3), so that the same call serves the supervisor
and systemd. `python -m osrsdiff.lifeline MODULE ARG…` runs a module so tied, `--exec PROGRAM ARG…` a program.
`--preload NAME MODULE ARG…` imports a module first, so that the processes which MODULE forks share its memory.
"""

import ctypes
import gc
import importlib
import os
import runpy
import signal
import socket
import sys

ROLE = "OSRSDIFF_ROLE"
SUPERVISOR_PID = "OSRSDIFF_SUPERVISOR_PID"
NOTIFY_SOCKET = "NOTIFY_SOCKET"

_PR_SET_PDEATHSIG = 1


def hold(death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Ties this process to the supervisor that started it, if one did, and its forks to itself."""
    supervisor = os.environ.get(SUPERVISOR_PID)
    if supervisor:
        _die_with(int(supervisor), death_signal)
    own_pid = os.getpid()
    os.register_at_fork(after_in_child=lambda: _die_with(own_pid, signal.SIGKILL))


def notify(status: str, *, ready: bool = False) -> None:
    """Tells whoever started this process how it stands; nothing where nobody listens."""
    address = os.environ.get(NOTIFY_SOCKET)
    if not address:
        return
    lines = ["READY=1"] if ready else []
    lines += [f"STATUS={status}", f"X_OSRSDIFF_ROLE={os.environ.get(ROLE, '')}"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.sendto("\n".join(lines).encode(), address.replace("@", "\0", 1))
        except OSError as error:
            sys.stderr.write(f"nobody to tell that this process is ready: {error}\n")


def _die_with(parent_pid: int, death_signal: signal.Signals) -> None:
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the call above
        os._exit(1)


def main() -> None:
    """Runs what the command line names, tied to the supervisor."""
    _, first, *arguments = sys.argv
    if first == "--exec":
        hold(signal.SIGTERM)
        os.execvp(arguments[0], arguments)  # noqa: S606 - the supervisor's own command line
    hold()
    if first == "--preload":
        preloaded, first, *arguments = arguments
        importlib.import_module(preloaded)
        gc.freeze()
    sys.argv = [first, *arguments]
    try:
        runpy.run_module(first, run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:  # asked to stop before it had begun to listen for that
        sys.exit(0)


if __name__ == "__main__":
    main()
