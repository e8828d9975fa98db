"""The machine below the lab: commands, processes, namespaces, control groups."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .settings import LabError, Settings

COMMAND_SECONDS_MAX = 30
KILL_SECONDS_MAX = 15
NAMESPACES = Path("/run/netns")


class NoAnswer(LabError):
    """A command did not end in time: whatever it was to find out is unknown."""


def run(*command: str, stdin: str = "", seconds_max: float = COMMAND_SECONDS_MAX) -> str:
    """Runs a command and returns what it printed. Raises LabError with the command's own words when it fails.

    The command ends with this process, even with kill -9: a `lab down` that follows must not meet it still at work."""
    try:
        done = subprocess.run(("setpriv", "--pdeathsig", "KILL", *command), input=stdin, text=True,
                              capture_output=True, timeout=seconds_max, check=False)
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"no answer within {seconds_max:g} s: {' '.join(command)}") from None
    if done.returncode == 127:
        raise LabError(f"{command[0]} is not installed; run `lab setup`")
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split())
        raise LabError(f"{' '.join(command)}: {words or f'exit code {done.returncode}'}")
    return done.stdout


@dataclass(frozen=True)
class Process:
    """One process as the machine sees it. All fields are of one instant; the process may be gone now."""

    pid: int
    parent: int
    inner_pid: int  # its number in its innermost PID namespace
    state: str  # one letter as in proc(5): R, S, D, T, Z…
    program: str
    arguments: tuple[str, ...]

    def is_guest(self) -> bool:
        return os.path.basename(self.program).startswith("qemu-system-") and self.guest_name() is not None

    def guest_name(self) -> str | None:
        """The domain whose QEMU this is, from `-name guest=NAME,…` as libvirt starts it."""
        for argument in self.arguments:
            if argument.startswith("guest="):
                return argument[len("guest="):].split(",")[0]
        return None


def processes() -> dict[str, list[Process]]:
    """All processes that live in a named network namespace, by its name."""
    names = {}
    if NAMESPACES.is_dir():
        for entry in NAMESPACES.iterdir():
            names[entry.stat().st_ino] = entry.name
    found: dict[str, list[Process]] = {name: [] for name in names.values()}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            name = names.get(os.stat(f"/proc/{entry}/ns/net").st_ino)
            if name is not None:
                found[name].append(_describe(int(entry)))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # ended meanwhile, or a zombie, which has no namespace any more
    return found


def _describe(pid: int) -> Process:
    fields = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        fields[key] = value.split()
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    program = os.readlink(f"/proc/{pid}/exe")
    return Process(pid, int(fields["PPid"][0]), int(fields["NSpid"][-1]), fields["State"][0], program,
                   tuple(arguments))


def kill_namespaces(names: Iterable[str]) -> None:
    """Ends every process in the network namespaces, and returns when none is left."""
    names = set(names)
    deadline = time.monotonic() + KILL_SECONDS_MAX
    while True:
        left = [process.pid for name, group in processes().items() if name in names for process in group]
        if not left:
            return
        if time.monotonic() > deadline:
            raise LabError(f"processes do not end: {left}; look at them with ps, then run this again")
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _system_call(result: int, what: str) -> None:
    if result != 0:
        raise LabError(f"{what}: {os.strerror(ctypes.get_errno())}")


def run_inside(pid: int, command: list[str]) -> int:
    """Runs a command in all namespaces of a process, in the same working directory, and returns its exit code.

    This process stands for the command: signals are passed on, and if this process is killed the command is, too."""
    kinds = ("ipc", "uts", "net", "pid", "mnt")
    files = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds]
    directory = os.getcwd()
    for file in files:
        _system_call(_libc.setns(file, 0), "setns")
    forwarded = [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]
    if not os.isatty(0):  # a terminal sends these two to the whole group by itself
        forwarded += [signal.SIGINT, signal.SIGQUIT]
    signal.pthread_sigmask(signal.SIG_BLOCK, forwarded)
    child = os.fork()
    if child == 0:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, forwarded)
        _replace_process(command, directory)
    for number in forwarded:
        signal.signal(number, lambda received, _: os.kill(child, received))
    for number in {signal.SIGINT, signal.SIGQUIT} - set(forwarded):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, forwarded)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _replace_process(command: list[str], directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError:
        os.chdir("/")
    # Python ignores these two; the command must not inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"lab: {command[0]}: {error.strerror}\n".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


class ControlGroups:
    """CPU limits of hosts, through whichever version of cgroups carries the cpu controller here."""

    # Short, so that a capped guest is slow but does not stand still for tens of milliseconds at a time.
    PERIOD_MICROSECONDS = 20_000
    # The kernel refuses quotas under one millisecond.
    PERCENT_MIN = 5
    # The scheduler takes a group for one process unless told otherwise, and a lab that shares its machine with a few
    # compilers would starve. A host counts as much as so many processes; most of its guests are idle.
    HOST_PROCESSES = 4
    # File, weight of one process, and largest weight, by version of cgroups.
    WEIGHTS = {1: ("cpu.shares", 1024, 262_144), 2: ("cpu.weight", 100, 10_000)}

    def __init__(self, settings: Settings) -> None:
        self.version, mount = self._find_controller()
        self.directory = mount / settings.name if mount else None

    @staticmethod
    def _find_controller() -> tuple[int, Path | None]:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        for _, point, kind, options, *_ in mounts:
            if kind == "cgroup" and "cpu" in options.split(","):
                return 1, Path(point)
        for _, point, kind, *_ in mounts:
            if kind == "cgroup2" and "cpu" in (Path(point) / "cgroup.controllers").read_text().split():
                return 2, Path(point)
        return 0, None

    def create(self, host: str) -> None:
        """Makes the host's group if this machine allows it. A lab without groups works, but `lab cap` does not."""
        if self.directory is None:
            return
        try:
            (self.directory / host).mkdir(parents=True, exist_ok=True)
            if self.version == 2:
                for parent in (self.directory.parent, self.directory):
                    (parent / "cgroup.subtree_control").write_text("+cpu")
            hosts = sum(entry.is_dir() for entry in self.directory.iterdir())
            self._weigh(self.directory / host, self.HOST_PROCESSES)
            self._weigh(self.directory, self.HOST_PROCESSES * hosts)
        except OSError:
            pass

    def _weigh(self, group: Path, processes: int) -> None:
        file, weight, most = self.WEIGHTS[self.version]
        (group / file).write_text(str(min(weight * processes, most)))

    def join(self, host: str) -> None:
        """Puts the calling process, and what it starts from now on, into the host's group."""
        if self.directory is not None:
            try:
                (self.directory / host / "cgroup.procs").write_text("0")
            except OSError:
                pass

    def limit(self, host: str, percent: int | None) -> None:
        """Limits the host to a share of one core, in percent, which may exceed 100. None lifts the limit."""
        if self.directory is None:
            raise LabError("no cgroup hierarchy with the cpu controller is mounted here; `lab cap` needs one")
        quota = None if percent is None else percent * self.PERIOD_MICROSECONDS // 100
        group = self.directory / host
        try:
            if self.version == 1:
                (group / "cpu.cfs_period_us").write_text(str(self.PERIOD_MICROSECONDS))
                (group / "cpu.cfs_quota_us").write_text("-1" if quota is None else str(quota))
            else:
                (group / "cpu.max").write_text(f"{'max' if quota is None else quota} {self.PERIOD_MICROSECONDS}")
        except OSError as error:
            raise LabError(f"{group}: {error.strerror}; the cpu controller cannot be used from here") from None

    def limit_of(self, host: str) -> int | None:
        """The host's limit in percent of one core; None when there is none."""
        if self.directory is None:
            return None
        group = self.directory / host
        try:
            if self.version == 1:
                quota, period = (group / "cpu.cfs_quota_us").read_text(), (group / "cpu.cfs_period_us").read_text()
            else:
                quota, period = (group / "cpu.max").read_text().split()
        except OSError:
            return None
        return None if quota.strip() in ("-1", "max") else int(quota) * 100 // int(period)

    def remove(self) -> None:
        if self.directory is None or not self.directory.is_dir():
            return
        remove_groups(self.directory)


def remove_groups(top: Path) -> None:
    """Removes a control group and those below it, which nobody is in any more."""
    for folder, _, _ in os.walk(top, topdown=False):
        group = Path(folder)
        deadline = time.monotonic() + KILL_SECONDS_MAX
        while group.exists():
            try:
                group.rmdir()
            except OSError as error:
                # A killed process leaves its group a moment after it leaves the process list.
                if time.monotonic() > deadline:
                    raise LabError(f"{group}: {error.strerror}; run `lab down` again") from None
                time.sleep(0.02)


def unified_groups() -> Path | None:
    """Where the control groups of version 2 are mounted, with whatever controllers."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return next((Path(point) for _, point, kind, *_ in mounts if kind == "cgroup2"), None)
