import dataclasses

import pytest

from filiberto.config import SECTIONS, Recipe, parse_seconds, setting_docs
from filiberto.errors import UsageError

SECTION_TYPES = [Recipe, *(type(getattr(Recipe(), name)) for name in SECTIONS)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("2d", 172_800),
        ("0.5h", 1800),
        ("1.5m", 90),
        ("1d2h3m4s", 93_784),
        ("0h5m", 300),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "10", "m", "soon", "10x", "10 minutes", "-5m", "1h-5m", "1h30", "1,5h", "inf", "h1"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_seconds(text)
    assert caught.value.message == f"{text!r} is no duration"
    assert caught.value.hint is not None
    assert "1h30m" in caught.value.hint


@pytest.mark.parametrize("text", ["0s", "0h0m", "0.0d"])
def test_no_time_at_all_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"'{text}' is no time at all"):
        parse_seconds(text)


@pytest.mark.parametrize("section", SECTION_TYPES)
def test_every_setting_is_documented(section: type) -> None:
    docs = setting_docs(section)
    settings = {field.name for field in dataclasses.fields(section)} - set(SECTIONS)
    assert docs.keys() == settings
    for name, text in docs.items():
        assert len(text) > 10, name
        assert "\n" not in text
        assert text.endswith("."), name


def test_the_sections_are_those_of_the_recipe() -> None:
    sections = [
        f.name for f in dataclasses.fields(Recipe) if dataclasses.is_dataclass(f.default_factory)
    ]
    assert tuple(sections) == SECTIONS
