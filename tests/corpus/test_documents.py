import textwrap
from pathlib import Path

import pytest

from filiberto.corpus import documents, sources
from filiberto.corpus.sources import Documents
from tests.conftest import italian_lines

LINES = italian_lines(60)


def wrapped(paragraphs: int, *, width: int = 66) -> str:
    """A book as Gutenberg has it: lines of even length, a blank line after each paragraph."""
    texts = [" ".join(LINES[i : i + 4]) for i in range(paragraphs)]
    return "\n\n".join(textwrap.fill(text, width) for text in texts)


STANZAS = "\n\n".join("\n".join(LINES[i : i + 4]) for i in range(0, 40, 4))
SENTENCES = "\n\n".join("\n".join(LINES[i : i + 9]) for i in range(0, 54, 9))
DIALOGUE = "\n\n".join([wrapped(6), *(f"- {line[:40]}" for line in LINES[:12]), wrapped(6)])


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("\n".join(LINES), "line"),
        ("\n".join(line.split(",")[0] for line in LINES), "line"),
        ("\n\n".join(LINES), "line"),
        ("\n".join(LINES[:50]) + "\n\n\n" + "\n".join(LINES) * 4, "line"),
        (wrapped(20), "paragraph"),
        (wrapped(20).replace("\n", "\r\n"), "paragraph"),
        (wrapped(20).replace("\n\n", "\n \t\n"), "paragraph"),
        (STANZAS, "paragraph"),
        (SENTENCES, "paragraph"),
        (DIALOGUE, "paragraph"),
        ("una riga sola", "line"),
        ("", "line"),
        ("\n\n\n", "line"),
    ],
)
def test_the_beginning_says_what_a_document_is(text: str, unit: Documents):
    assert documents.guess(text.encode()) == unit


def found(folder: Path) -> dict[str, Documents | None]:
    texts = sources.find([str(folder)], phrasebook_bytes=1)
    return {s.name: s.documents for s in documents.resolve(texts, "auto")}


def test_many_small_files_are_a_document_each_and_a_large_one_beside_them_is_not(tmp_path: Path):
    for i in range(20):
        (tmp_path / f"{i:02d}.txt").write_text("\n\n".join(LINES[i : i + 3]))
    (tmp_path / "libro.txt").write_text("\n".join(LINES) * 30)
    units = found(tmp_path)
    assert units.pop("libro.txt") == "line"
    assert set(units.values()) == {"file"}
    (tmp_path / "00.txt").unlink()
    assert set(found(tmp_path).values()) == {"line"}


def test_only_plain_text_has_a_unit(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('{"text": "uno"}')
    assert found(tmp_path) == {"a.jsonl": None}
    assert list(documents.shown(sources.find([str(tmp_path)], phrasebook_bytes=1))) == []


def test_what_was_found_is_shown_with_three_samples_and_how_to_change_it(tmp_path: Path):
    (tmp_path / "a.txt").write_text("uno\n\n  due \x1b[1m\ntre\nquattro\n" + "lunga " * 200)
    texts = documents.resolve(sources.find([str(tmp_path)], phrasebook_bytes=1), "line")
    assert list(documents.shown(texts)) == [
        "documents: each line is one in a.txt, it seems; such as",
        "  | uno",
        "  | due ?[1m",
        "  | tre",
        "  not so? --documents line, paragraph or file",
    ]
    texts = documents.resolve(texts, "paragraph")
    _, first, second, _ = documents.shown(texts)
    assert first == "  | uno"
    assert second.startswith("  | due ?[1m tre quattro lunga")
    assert second.endswith(" …")


def test_samples_of_whole_files_are_of_three_files(tmp_path: Path):
    for name in "abcd":
        (tmp_path / f"{name}.txt").write_text(f"{name}\ne poi\n")
    texts = documents.resolve(sources.find([str(tmp_path)], phrasebook_bytes=1), "file")
    assert list(documents.shown(texts))[:4] == [
        "documents: each file is one in 4 text files, it seems; such as",
        "  | a e poi",
        "  | b e poi",
        "  | c e poi",
    ]


def test_a_damaged_file_is_left_to_the_reader(tmp_path: Path):
    (tmp_path / "a.txt.gz").write_bytes(b"\x1f\x8b no")
    assert found(tmp_path) == {"a.txt.gz": "line"}


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[2Jx.txt").write_text("una frase\nun'altra frase\n", encoding="utf-8")
    found = documents.resolve(sources.find([str(tmp_path)], phrasebook_bytes=1), "auto")
    lines = "\n".join(documents.shown(found))
    assert "?[2Jx.txt" in lines
    assert "\x1b" not in lines
