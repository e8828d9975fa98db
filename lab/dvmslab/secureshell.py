"""Keys for the hosts' sshd and for a user, and what vouches for the hosts."""

from __future__ import annotations

import shutil
from pathlib import Path

from .machine import run
from .settings import LabError

SETTINGS = "ssh/lab_sshd_config"


def _key(path: Path) -> None:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path))


def create_user(directory: Path) -> None:
    """Makes the key that root logs in with on every host, and an empty list of host keys."""
    if shutil.which("sshd", path="/usr/sbin") is None or shutil.which("ssh-keygen") is None:
        raise LabError("sshd or ssh-keygen is missing; install openssh-server and openssh-client")
    directory.mkdir(mode=0o700)
    _key(directory / "user_key")
    (directory / "known_hosts").touch()


def _vouch(directory: Path, name: str, address: str, key: Path) -> None:
    public = key.with_suffix(".pub").read_text().split()[:2]
    with open(directory / "known_hosts", "a") as known:
        known.write(f"{address},{name} {' '.join(public)}\n")


def let_in(directory: Path, name: str, address: str, root: Path) -> None:
    """Gives a host with files of its own a key where its sshd looks for one, and lets the user in as its root."""
    key = root / "etc/ssh/ssh_host_ed25519_key"
    key.parent.mkdir(parents=True, exist_ok=True)
    _key(key)
    (root / "root").mkdir(mode=0o700, exist_ok=True)
    (root / "root/.ssh").mkdir(mode=0o700)
    shutil.copy(directory / "user_key.pub", root / "root/.ssh/authorized_keys")
    _vouch(directory, name, address, key)


def issue(directory: Path, name: str, address: str, etc: Path) -> None:
    """Gives a host a key of its own and the settings of its sshd, and vouches for its key."""
    folder = etc / "ssh"
    folder.mkdir(exist_ok=True)
    key = folder / "lab_host_key"
    _key(key)
    shutil.copy(directory / "user_key.pub", folder / "lab_authorized_keys")
    # The machine's /root is that of all hosts; each has a home of its own, where others may be let in by a deployment.
    (etc / "lab-home").mkdir(mode=0o700, exist_ok=True)
    (etc / SETTINGS).write_text(f"""\
ListenAddress {address}
HostKey /etc/ssh/lab_host_key
AuthorizedKeysFile /etc/ssh/lab_authorized_keys /etc/lab-home/.ssh/authorized_keys
SetEnv HOME=/etc/lab-home
PidFile none
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
""")
    _vouch(directory, name, address, key)
