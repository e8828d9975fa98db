"""A client of the daemons' control socket: one JSON object a line, both ways."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from .programs import RingError

VERSION = 1
ANSWER_SECONDS_MAX = 10.0
LINE_BYTES_MAX = 1 << 20


class Refusal(RingError):
    """A daemon's typed refusal; `code` is one word of the control protocol."""

    def __init__(self, node: str, code: str, message: str) -> None:
        super().__init__(f"{node}: {message} ({code})")
        self.code = code


class Control:
    """One connection to one daemon. Requests go one after the other."""

    def __init__(self, node: str, path: Path) -> None:
        self.node = node
        self._requests = 0
        self._unread = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_SECONDS_MAX)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise RingError(f"{node} cannot be reached at {path}: {error.strerror or error}") from None

    def __enter__(self) -> "Control":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def ask(self, verb: str, **arguments: object) -> dict:
        """What the daemon answers to one verb. Raises Refusal."""
        self.send(verb, **arguments)
        return self.answer()

    def items(self, verb: str, **arguments: object) -> list[dict]:
        """The items that come before the answer."""
        self.send(verb, **arguments)
        found: list[dict] = []
        while "item" in (message := self._next()):
            found.append(message["item"])
        self._ok(message)
        return found

    def send(self, verb: str, **arguments: object) -> None:
        """Asks without waiting; the answers come in the order of the questions."""
        self._requests += 1
        request = {"v": VERSION, "id": self._requests, "verb": verb, **arguments}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise RingError(f"{self.node} does not take requests: {error.strerror or error}") from None

    def answer(self) -> dict:
        return self._ok(self._next())

    def ready(self) -> Iterator[dict]:
        """The messages that have come, after the socket became readable; reads once. Raises EOFError at the end."""
        read = self._socket.recv(65536)
        if not read:
            raise EOFError(self.node)
        self._unread += read
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            yield self._parse(line)

    def _next(self) -> dict:
        while b"\n" not in self._unread:
            try:
                read = self._socket.recv(65536)
            except TimeoutError:
                raise RingError(f"{self.node} did not answer within {ANSWER_SECONDS_MAX:g} s") from None
            except OSError as error:
                raise RingError(f"{self.node}: {error.strerror or error}") from None
            if not read:
                raise RingError(f"{self.node} closed its control socket")
            self._unread += read
            if len(self._unread) > LINE_BYTES_MAX and b"\n" not in self._unread:
                raise RingError(f"{self.node} sent a line of more than {LINE_BYTES_MAX} bytes")
        line, self._unread = self._unread.split(b"\n", 1)
        return self._parse(line)

    def _parse(self, line: bytes) -> dict:
        try:
            message = json.loads(line)
        except ValueError:
            raise RingError(f"{self.node} sent a line that is no JSON: {line[:200]!r}") from None
        if not isinstance(message, dict) or message.get("v") != VERSION:
            raise RingError(f"{self.node} speaks another control protocol: {line[:200]!r}")
        return message

    def _ok(self, message: dict) -> dict:
        if "error" in message:
            raise Refusal(self.node, message["error"]["code"], message["error"]["message"])
        if "ok" not in message:
            raise RingError(f"{self.node} answered neither ok nor error: {message}")
        return message["ok"]


class Watch:
    """The events of several daemons as they happen, in one line of time as far as they arrive so."""

    def __init__(self, sockets: dict[str, Path]) -> None:
        self._selector = selectors.DefaultSelector()
        self._waiting: list[tuple[str, dict]] = []
        self._controls = [Control(node, path) for node, path in sockets.items()]
        for control in self._controls:
            # From now on: what was told before is passed over.
            last = control.items("events", limit=1)
            control.send("events", follow=True, after=last[-1]["sequence"] if last else 0)
            self._selector.register(control, selectors.EVENT_READ, control)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for control in self._controls:
            control.close()

    def next(self, deadline: float) -> tuple[str, dict] | None:
        """The node and the event that comes next; None when there is none before `deadline` (time.monotonic())."""
        while not self._waiting:
            wait = deadline - time.monotonic()
            if wait <= 0:
                return None
            for key, _ in self._selector.select(wait):
                self._read(key.data)
            self._waiting.sort(key=lambda entry: entry[1]["wall_ms"])
        return self._waiting.pop(0)

    def _read(self, control: Control) -> None:
        try:
            for message in control.ready():
                if "error" in message:
                    raise RingError(f"{control.node}: {message['error']['message']}")
                if "item" in message:
                    self._waiting.append((control.node, message["item"]))
        except EOFError:
            raise RingError(f"{control.node} closed its control socket while it was watched") from None
