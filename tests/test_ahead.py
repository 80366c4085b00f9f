from collections.abc import Iterator

import pytest

from filiberto.ahead import ahead
from filiberto.errors import StateError


def test_items_made_ahead_come_in_order_and_all() -> None:
    assert list(ahead(iter(range(1, 50)))) == list(range(1, 50))
    assert list(ahead([])) == []


def test_an_error_in_what_is_made_ahead_is_not_lost() -> None:
    def broken() -> Iterator[str]:
        yield "one"
        raise StateError("the second is damaged")

    items = ahead(broken())
    assert next(items) == "one"
    with pytest.raises(StateError, match="the second is damaged"):
        next(items)


def test_no_more_than_one_item_is_made_ahead() -> None:
    made = []

    def counted() -> Iterator[int]:
        for number in range(1, 100):
            made.append(number)
            yield number

    items = ahead(counted())
    for wanted in range(1, 10):
        assert next(items) == wanted
        assert len(made) <= wanted + 1
    items.close()
    assert len(made) <= 10
