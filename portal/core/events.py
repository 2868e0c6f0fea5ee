"""Events that let a lower room tell higher ones, without importing them.

`publish` calls the subscribers at once, inside the publisher's unit of work, so that what they write lands in the same
commit or not at all. Work outside the database belongs into a job, which a subscriber enqueues.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

E = TypeVar("E")

_subscribers: dict[type, list[Callable[[Any], None]]] = defaultdict(list)


def subscribe(event_type: type[E]) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Register the decorated function for events of exactly `event_type`. Registering it twice has no effect."""

    def register(handler: Callable[[E], None]) -> Callable[[E], None]:
        if handler not in _subscribers[event_type]:
            _subscribers[event_type].append(handler)
        return handler

    return register


def publish(event: object) -> None:
    """Call every subscriber of the event's type in order of registration; an exception stops the unit of work."""
    for handler in tuple(_subscribers[type(event)]):
        handler(event)
