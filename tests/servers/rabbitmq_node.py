"""A private RabbitMQ node with its own folder, ports and epmd; it can be killed and restarted.

It is Debian's of this machine, or the one in the folder that ``CRYPTOTRACKER_TEST_RABBITMQ_ROOT``
names: the root of another Debian, see ``scripts/other_rabbitmq.sh``.
"""

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path

import msgspec

BINARIES = Path("/usr/lib/rabbitmq/bin")
"""Those in ``/usr/sbin`` change the user and drop the environment; these do not."""

EPMD = Path("/usr/bin/epmd")
ERL_CALL = Path("/usr/bin/erl_call")

NOT_DEPRECATED = """
deprecated_features.permit.amqp_address_v1 = false
deprecated_features.permit.global_qos = false
deprecated_features.permit.queue_master_locator = false
"""
"""What a node of RabbitMQ 4 is told besides: none of what a later one will not have."""

NOT_TRANSIENT = """
deprecated_features.permit.transient_nonexcl_queues = false
"""
"""And what one of 4.2 is told. Killed, a node of 4.0 may not start again with it: it looks for such
queues before it has its tables, and takes that it cannot look for that it found some."""

ROOT_VARIABLE = "CRYPTOTRACKER_TEST_RABBITMQ_ROOT"

ENTER = """
for folder in /proc /dev "$1"; do
    mkdir -p "$0$folder" && mount --rbind "$folder" "$0$folder" || exit 1
done
root=$0; shift; exec chroot "$root" "$@"
"""
"""Enters another root, ``$0``, that shares the folder ``$1`` with this one; runs the rest there.

It is run with mounts of its own, so nobody else sees these and they go with it.
"""

STATE = """
Of = fun(Name) -> string:prefix(Name, "%s") =/= nomatch end,
Queues = [Told || [{name, {_, _, _, Name}} | _] = Told <- rabbit_amqqueue:info_all(
    <<"/">>, [name, messages, messages_unacknowledged, consumers, state]), Of(Name)],
Bindings = [Found || {_, {_, _, _, Name}, _, _, _} = Found <- rabbit_binding:list(<<"/">>),
    Of(Name)],
lists:flatten(io_lib:format("~p~n~p", [Queues, Bindings])).
"""
"""What a node is asked of an exchange when a test failed."""

SESSION, USED = 3, slice(11, 13)
"""Of what ``/proc/PID/stat`` says after the name: the session, and user and system time."""

LOG_LINES = 40
"""How much of its log a node shows when a test failed."""

TICK_S = 8
"""Nodes of a cluster that hear nothing of one another for so long are parted."""

CONFIG = """
listeners.tcp.1 = {address}:{port}
log.console = false
log.file.level = warning
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
num_acceptors.tcp = 2
raft.wal_max_size_bytes = {wal_bytes}
"""

SMALL_WAL_BYTES = 16_000_000
"""Nodes of tests have little room; they move their log to segments, which takes a moment, often."""

WAL_BYTES = 128_000_000
"""As docker-compose.yml has it."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a node runs: on loopback here, or on a host that has its ports for itself.

    ``within`` is what a command is put behind to run on that host. Nodes of one cluster share the
    ``cookie``; ``config`` are more lines of their configuration. ``wal_bytes`` of log are written
    before they are moved to the segments of their queues.
    """

    address: str = "127.0.0.1"
    within: tuple[str, ...] = ()
    cookie: str = ""
    config: str = ""
    wal_bytes: int = SMALL_WAL_BYTES

    @property
    def is_here(self) -> bool:
        """Whether that is this host, whose ports are shared."""
        return not self.within

    def ports(self) -> list[int]:
        """Return those of AMQP, of other nodes and of epmd."""
        return free_ports(3) if self.is_here else [5672, 25672, 4369]


HERE = Place()


class RabbitMQServer:
    """Starts, stops and kills one node; what it stored is there when it is started again.

    Args:
        folder: Where it keeps all that it has; None: in one of its own, which goes with it.
        place: Where it runs.

    """

    def __init__(self, folder: Path | None = None, place: Place = HERE) -> None:
        self._place = place
        self._folder = None if folder else tempfile.TemporaryDirectory(prefix="rabbitmq-")
        self._root = Path(self._folder.name) if self._folder else folder or Path()
        self.version = _version()
        self._cookie = place.cookie or secrets.token_hex(20)
        self._port, self._dist_port, self._epmd_port = place.ports()
        self.name = f"test{self._port}@{'localhost' if place.is_here else place.address}"
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[str] | None = None
        self._output: deque[str] = deque(maxlen=40)
        self._prepare()

    @staticmethod
    def why_not() -> str:
        """Return why no node can be started on this machine; empty if one can."""
        root = os.environ.get(ROOT_VARIABLE, "")
        if root and os.geteuid():
            return f"only root can enter {root}, which {ROOT_VARIABLE} names"
        paths = [Path(f"{root}{path}") for path in (BINARIES / "rabbitmq-server", EPMD)]
        missing = [str(path) for path in paths if not path.exists()]
        remedy = "scripts/other_rabbitmq.sh makes it" if root else "apt-get install rabbitmq-server"
        return f"{', '.join(missing)} is missing: {remedy}" * bool(missing)

    @property
    def url(self) -> str:
        """Where the node listens."""
        return f"amqp://guest:guest@{self._place.address}:{self._port}/"

    @property
    def pid(self) -> int:
        """Process id of what started the node; the node is one of its children."""
        if self._server is None:
            raise RuntimeError("the node was not started")
        return self._server.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended since."""
        return self._server is not None and self._server.poll() is None

    def start(self, *, within_s: float = 60.0) -> None:
        """Start the node and return once it takes connections.

        Raises:
            RuntimeError: it does not within the time; the text holds what it said.

        """
        if self._epmd is None:
            self._start_epmd()
        self._server = subprocess.Popen(  # noqa: S603  # a constant path
            self._command(BINARIES / "rabbitmq-server"),
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        started = threading.Event()
        threading.Thread(target=self._listen, args=(self._server, started), daemon=True).start()
        if not started.wait(within_s) or self._server.poll() is not None:
            self.kill()
            raise RuntimeError(f"RabbitMQ did not start: {' '.join(self._output)}")

    def start_if_down(self) -> None:
        """Start the node unless it runs."""
        if not self.is_running:
            self.start()

    def kill(self) -> None:
        """End the node at once, as a crash would (``kill -9``); see `remember_queues`."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop the node in an orderly way."""
        self._end(signal.SIGTERM)

    def remember_queues(self) -> None:
        """Have the node write down which queues it has.

        RabbitMQ 3.10 does so half a second after a quorum queue was declared. Killed before, it
        comes back with a queue that has lost its messages and never finds a leader.
        """
        self.evaluate("[ok = dets:sync(Table) || Table <- dets:all()].")

    def restart(self) -> None:
        """Stop the node and start it again."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """End the node and its epmd, and delete what it stored."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None
        if self._folder is not None:
            self._folder.cleanup()

    def cpu_s(self) -> float:
        """Return the processor time of the node's processes, in seconds."""
        if self._server is None:
            return 0.0
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it may end meanwhile
                fields = stat.read_text(encoding="ascii").rpartition(")")[2].split()
                if int(fields[SESSION]) == self._server.pid:
                    ticks += sum(map(int, fields[USED]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def tell_metrics(self) -> str:
        """Have the node tell Prometheus of itself until it is restarted; return host and port."""
        (port,) = free_ports(1)
        where = f'[{{port, {port}}}, {{ip, "127.0.0.1"}}]'
        self.ctl("eval", f"application:set_env(rabbitmq_prometheus, tcp_config, {where}).")
        subprocess.run(  # noqa: S603  # a constant path
            self._command(BINARIES / "rabbitmq-plugins", "-q", "enable", "rabbitmq_prometheus"),
            env=self._environment(),
            capture_output=True,
            timeout=60,
            check=True,
        )
        (self._root / "enabled_plugins").write_text("[].")
        return f"127.0.0.1:{port}"

    def ctl(self, *arguments: str) -> str:
        """Run ``rabbitmqctl`` on the node and return what it says."""
        done = subprocess.run(  # noqa: S603  # arguments of our own tests
            self._command(BINARIES / "rabbitmqctl", "-q", "-n", self.name, *arguments),
            env=self._base_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def state_of(self, exchange: str) -> str:
        """Return what the node says of an exchange's queues and bindings, and its log's end."""
        said = [self.name]
        for log in (self._root / "log").glob("*.log"):
            said += log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        try:
            said.append(self.evaluate(STATE % exchange))
        except RuntimeError as error:
            said.append(str(error))
        return "\n".join(said)

    def evaluate(self, expression: str, *, within_s: float = 30.0) -> str:
        """Have the node evaluate Erlang and return what it says.

        It takes 40 ms where `ctl` starts an Erlang of its own: half a minute on a busy machine.
        """
        name = ("-sname" if self._place.is_here else "-name", self.name)
        told = ("-c", self._cookie, "-timeout", f"{within_s:.0f}", "-e")
        done = subprocess.run(  # noqa: S603  # expressions of our own tests
            self._command(ERL_CALL, *name, *told),
            env=self._base_environment(),
            input=f"{expression.strip()}\n",
            capture_output=True,
            text=True,
            timeout=within_s + 5.0,
            check=False,
        )
        if done.returncode or not done.stdout.startswith("{ok,"):
            raise RuntimeError(f"{self.name} on {expression}: {done.stdout} {done.stderr}".strip())
        return done.stdout.removeprefix("{ok, ").removesuffix("}")

    def _prepare(self) -> None:
        for name in ("mnesia", "log", "generated"):
            (self._root / name).mkdir()
        cookie = self._root / ".erlang.cookie"
        cookie.write_text(self._cookie)
        cookie.chmod(0o400)
        (self._root / "environment").touch()
        (self._root / "enabled_plugins").write_text("[].")
        place = self._place
        config = CONFIG.format(address=place.address, port=self._port, wal_bytes=place.wal_bytes)
        config += place.config
        if self.version >= (4,):
            config += NOT_DEPRECATED
        if self.version >= (4, 2):
            config += NOT_TRANSIENT
        (self._root / "rabbitmq.conf").write_text(config)

    def _command(self, program: Path, *arguments: str) -> list[str]:
        """Return what runs a program of RabbitMQ's where the node runs."""
        command = [*self._place.within]
        if root := os.environ.get(ROOT_VARIABLE):
            command += ["unshare", "--mount", "sh", "-c", ENTER, root, tempfile.gettempdir()]
        return [*command, str(program), *arguments]

    def _base_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": str(self._root),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": self._place.address,
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_USE_LONGNAME": "false" if self._place.is_here else "true",
        }

    def _environment(self) -> dict[str, str]:
        root = self._root
        return self._base_environment() | {
            "RABBITMQ_CONF_ENV_FILE": str(root / "environment"),
            "RABBITMQ_CONFIG_FILE": str(root / "rabbitmq.conf"),
            "RABBITMQ_NODE_IP_ADDRESS": self._place.address,
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"-kernel inet_dist_use_interface {{{self._place.address.replace('.', ',')}}} "
                f"-kernel net_ticktime {TICK_S}"
            ),
            "RABBITMQ_MNESIA_BASE": str(root / "mnesia"),
            "RABBITMQ_LOG_BASE": str(root / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(root / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(root / "pid"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(root / "generated"),
        }

    def _start_epmd(self) -> None:
        self._epmd = subprocess.Popen(  # noqa: S603  # a constant path
            self._command(EPMD, "-port", str(self._epmd_port), "-address", self._place.address),
            env=self._base_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _listen(self, server: "subprocess.Popen[str]", started: threading.Event) -> None:
        assert server.stdout is not None
        with server.stdout as output:
            for line in output:
                self._output.append(line.strip())
                if "completed with" in line:
                    started.set()
        started.set()

    def _end(self, how: signal.Signals) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        try:
            os.killpg(server.pid, how)
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _version() -> tuple[int, ...]:
    library = Path(f"{os.environ.get(ROOT_VARIABLE, '')}{BINARIES.parent}/lib")
    (server,) = library.glob("rabbitmq_server-*")
    return tuple(int(part) for part in server.name.partition("-")[2].split("."))


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
