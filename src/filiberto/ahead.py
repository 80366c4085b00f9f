"""Make the next thing while one is being used."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """The same items, of which the next is made in another thread while one is being used."""
    iterator = iter(items)
    with ThreadPoolExecutor(max_workers=1) as thread:
        waiting = thread.submit(next, iterator, None)
        while (item := waiting.result()) is not None:
            waiting = thread.submit(next, iterator, None)
            yield item
