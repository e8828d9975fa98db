"""The client side of a daemon's control socket: one JSON object a line, both ways."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from .limits import CONTROL_ANSWER_MAX

VERSION = 1


class Refused(Exception):
    """The daemon answered, and said no."""


class Silent(Exception):
    """Nobody answers at the socket."""


class Control:
    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(self, verb: str, **arguments: object) -> dict:
        """The answer to a request that has one."""
        return self.ask_items(verb, **arguments)[1]

    def ask_items(self, verb: str, **arguments: object) -> tuple[list[dict], dict]:
        """The items that come before the answer, and the answer."""
        request = json.dumps({"v": VERSION, "id": 1, "verb": verb, **arguments}) + "\n"
        items: list[dict] = []
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(CONTROL_ANSWER_MAX)
                client.connect(str(self.path))
                client.sendall(request.encode())
                with client.makefile("rb") as lines:
                    for line in lines:
                        answer = json.loads(line)
                        if "item" in answer:
                            items.append(answer["item"])
                        elif "error" in answer:
                            raise Refused(f"{verb}: {answer['error']['code']}: {answer['error']['message']}")
                        else:
                            return items, answer["ok"]
        except OSError as error:
            raise Silent(f"{self.path}: {error}") from None
        except ValueError as error:
            raise Silent(f"{self.path}: the answer to {verb} is no JSON: {error}") from None
        raise Silent(f"{self.path}: the connection ended before the answer to {verb}")
