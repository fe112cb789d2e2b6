"""Binds an address, before a process begins anything else."""

import contextlib
import errno
import os
import socket

_WHY = {
    errno.EADDRINUSE: "another process listens there",
    errno.EACCES: "this user may not listen there",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


def bind(host: str, port: int) -> list[socket.socket]:
    """A bound socket for each address of `host`; 0: any free port. Clients cannot connect yet.

    Raises OSError, which names address and reason.
    """
    bound: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as fault:  # socket.gaierror
        raise OSError(f"cannot listen on {host}:{port}: {fault.strerror or fault}") from fault
    with contextlib.ExitStack() as undo:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = undo.enter_context(socket.socket(family, kind, protocol))
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                listener.bind(address)
            except OSError as fault:
                raise _refused(host, port, fault) from fault
            bound.append(listener)
        undo.pop_all()
    return bound


def _refused(host: str, port: int, fault: OSError) -> OSError:
    why = _WHY.get(fault.errno or 0, os.strerror(fault.errno or 0))
    return OSError(fault.errno, f"cannot listen on {host}:{port}: {why}; --listen or RINGBACK_LISTEN names another")
