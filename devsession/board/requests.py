"""What programs ask of this side while they run, and who answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from devsession.board.log import log

if TYPE_CHECKING:
    from devsession.protocol.requests import Request

# Answers one request, in the form that its board takes: whole, at once, and whatever was asked.
Service = Callable[["Request"], bytes]


class Requests:
    """Hands requests to those who serve them, each under a number."""

    def __init__(self) -> None:
        self._services: dict[int, Service] = {}
        self._answered = False
        self._given_up = False

    def serve(self, number: int, service: Service) -> None:
        """Have ``service`` answer what is asked under ``number``."""
        self._services[number] = service

    def withdraw(self, number: int) -> None:
        """Answer nothing more under a number."""
        self._services.pop(number, None)

    def begin(self) -> None:
        """Know that a program begins."""
        self._answered = self._given_up = False

    def is_unsettled(self, *, interrupted: bool) -> bool:
        """Whether bytes of an answer may be left behind the program that has ended."""
        return self._given_up or (self._answered and interrupted)

    def answer(self, payload: bytes) -> bytes:
        """Return what is to be sent for a request; empty for what is none, and where nobody is asked."""
        # Most programs ask for nothing.
        from devsession.protocol import requests

        request = requests.parse(payload)
        if request is None:
            log.event("no request", said=payload[:80])
            return b""
        if request.number == requests.GIVEN_UP:
            self._given_up = True
            return b""
        service = self._services.get(request.service)
        if service is None:
            return b""
        answer = service(request)
        if request.number == requests.ONE_WAY:
            return b""
        self._answered = True
        return answer
