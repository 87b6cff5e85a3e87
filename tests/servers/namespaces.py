"""Hosts on a private bridge, each a network namespace: they can be cut off from one another.

The bridge has a namespace of its own, so that nothing of it is seen from outside.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec

CLONE_NEWNET = 0x40000000
TOOLS = {"ip": "iproute2", "iptables": "iptables"}


class Host(msgspec.Struct, frozen=True):
    """One host: its namespace and its address on the bridge."""

    namespace: str
    address: str

    @property
    def within(self) -> tuple[str, ...]:
        """What a command is put behind to run there."""
        return ("ip", "netns", "exec", self.namespace)

    def a_socket(self) -> socket.socket:
        """Make a TCP socket of this process that belongs to the host."""
        with (
            Path("/proc/thread-self/ns/net").open() as here,
            Path(f"/run/netns/{self.namespace}").open() as there,
        ):
            _enter(there.fileno())
            try:
                return socket.socket()
            finally:
                _enter(here.fileno())


class Network:
    """Some hosts, all of which reach one another until they are cut off."""

    def __init__(self, hosts: list[Host], bridge: str) -> None:
        self.hosts = hosts
        self._bridge = bridge

    @staticmethod
    def why_not() -> str:
        """Return why there can be no hosts on this machine; empty if there can."""
        if os.geteuid():
            return "only root can make network namespaces"
        if missing := [package for tool, package in TOOLS.items() if not shutil.which(tool)]:
            return f"no network namespaces: apt-get install {' '.join(missing)}"
        probe = f"ct{secrets.token_hex(3)}"
        try:
            _ip("netns", "add", probe)
            _ip("netns", "del", probe)
        except OSError as error:
            return f"this machine lets nobody make network namespaces: {error}"
        return ""

    @classmethod
    @contextmanager
    def of(cls, count: int) -> Iterator[Self]:
        """Make ``count`` hosts; what runs there ends with the context."""
        name = f"ct{secrets.token_hex(2)}"
        hosts = [Host(f"{name}-{number}", f"10.77.0.{number}") for number in range(1, count + 1)]
        network = cls(hosts, f"{name}-bus")
        try:
            network._build()
            yield network
        finally:
            network._remove()

    def cut_off(self, host: Host) -> None:
        """Let nothing pass between a host and the others; nobody is told."""
        for other in self.hosts:
            if other is not host:
                _iptables(host, "-A", "INPUT", "-s", other.address, "-j", "DROP")
                _iptables(host, "-A", "OUTPUT", "-d", other.address, "-j", "DROP")

    def heal(self) -> None:
        """Let everything pass again."""
        for host in self.hosts:
            _iptables(host, "-F")

    def _build(self) -> None:
        _ip("netns", "add", self._bridge)
        _ip("-n", self._bridge, "link", "add", "br0", "type", "bridge")
        _ip("-n", self._bridge, "link", "set", "br0", "up")
        for number, host in enumerate(self.hosts):
            name, end = host.namespace, f"v{number}"
            _ip("netns", "add", name)
            peer = ("peer", "name", "eth0", "netns", name)
            _ip("-n", self._bridge, "link", "add", end, "type", "veth", *peer)
            _ip("-n", self._bridge, "link", "set", end, "master", "br0", "up")
            _ip("-n", name, "addr", "add", f"{host.address}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")

    def _remove(self) -> None:
        for name in (*(host.namespace for host in self.hosts), self._bridge):
            if Path(f"/run/netns/{name}").exists():
                for process in _ip("netns", "pids", name).split():
                    os.kill(int(process), signal.SIGKILL)
                _ip("netns", "del", name)


def _enter(namespace: int) -> None:
    """Have this thread make its sockets in another namespace from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _iptables(host: Host, *arguments: str) -> None:
    _run(*host.within, "iptables", "--wait", *arguments)


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603  # commands of our own
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
