"""Labelled text: sentences of words with a label each, or of one label.

*.conllu                     Universal Dependencies: tags, features, heads
word TAB label, blank line   named entities in IOB or IOBES, or in KIND's layout with bare types
sentence TAB label           classes of whole sentences
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filiberto.config import EvaluateConfig
from filiberto.errors import BadDataError, UsageError
from filiberto.evaluate.spacing import customary_spaces

Part = Literal["train", "dev", "test"]
Layout = Literal["conllu", "iob", "classes"]
PARTS: tuple[Part, ...] = ("train", "dev", "test")

_DEV_SHARE = 0.1
_OUTSIDE = "O"
_BEGINS, _GOES_ON = ("B-", "S-", "U-"), ("I-", "E-", "L-")
_CLASS_HEADERS = {
    f"{text}\t{label}" for text in ("sentence", "text") for label in ("label", "class")
}
_NO_LABELS = ("B", "I", "-", "_")


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """Words and what is known of them.

    Attributes:
        words: in NFC, none empty.
        text: as it was before it was cut into words, or the words with spaces between.
        labels: by the name of the layer (`upos`, `feats`, `head`, `deprel`, `chunk`) one for each
            word; the layer `class` has one for the sentence.
        spaces: whether a space follows each word; None where one follows each.
    """

    words: tuple[str, ...]
    text: str
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    spaces: tuple[bool, ...] | None = None


@dataclass(frozen=True)
class Labelled:
    """Labelled text in three parts, and where it comes from."""

    name: str
    parts: dict[Part, list[Sentence]]
    digest: str


def read_folder(folder: Path, layout: Layout) -> Labelled:
    """Read a folder whose files have `train`, `dev` and `test` in their names.

    Where there is no `dev`, a tenth of `train`, chosen by hash, is set apart for it.

    Args:
        folder: with one file or several for each part.
        layout: of the files.

    Raises:
        UsageError: a part is missing or too small, or a file's name names two.
        BadDataError: a file cannot be read so.
    """
    digest = hashlib.sha256()
    parts: dict[Part, list[Sentence]] = {}
    for part in PARTS:
        parts[part] = []
        for path in _files(folder, part, _SUFFIXES[layout]):
            digest.update(f"{part} {path.stat().st_size}\n".encode() + path.read_bytes())
            parts[part] += read_file(path, layout)
        if not parts[part] and part != "dev":
            raise UsageError(
                f"{folder} has no {part} sentences",
                hint=f"it must hold files with {', '.join(PARTS)} in their names, ending in "
                f"{' or '.join(_SUFFIXES[layout])}",
            )
    if not parts["dev"]:
        parts["train"], parts["dev"] = set_apart(parts["train"])
    if not parts["train"] or not parts["dev"]:
        raise UsageError(f"{folder}: too few sentences to learn from and to choose by")
    return Labelled(folder.resolve().name, parts, digest.hexdigest())


def read_all(settings: EvaluateConfig) -> dict[Layout, Labelled]:
    """The labelled folders that the settings name, by their layout.

    Raises:
        UsageError: a folder or a part is missing.
        BadDataError: a file cannot be read.
    """
    named: dict[Layout, str | None] = {
        "conllu": settings.treebank,
        "iob": settings.entities,
        "classes": settings.classes,
    }
    return {
        layout: read_folder(Path(folder), layout)
        for layout, folder in named.items()
        if folder is not None
    }


def read_file(path: Path, layout: Layout) -> list[Sentence]:
    """The sentences of a file.

    Raises:
        UsageError: there is no such file.
        BadDataError: it is not UTF-8, or a line is not as the layout asks.
    """
    if layout == "classes":
        return list(_classes(path, _lines(path)))
    if layout == "conllu":
        return [_syntactic(tree) for tree in read_trees(path)]
    return [found for block in _blocks(path) if (found := _tagged(path, block)).words]


_SUFFIXES = {"conllu": (".conllu",), "iob": (".tsv", ".txt", ".iob", ".iob2"), "classes": (".tsv",)}


def _files(folder: Path, part: Part, suffixes: Sequence[str]) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder of labelled text")
    files = sorted(path for path in folder.iterdir() if path.suffix in suffixes)
    return [path for path in files if _part_of(path) == part]


def _part_of(path: Path) -> Part | None:
    name = path.stem.lower().replace("valid", "dev")
    found: list[Part] = [part for part in PARTS if part in name]
    if len(found) > 1:
        raise UsageError(f"{path}: the name has both {' and '.join(found)} in it")
    return found[0] if found else None


def layout_of(path: Path) -> Layout:
    """Trees by the file's name, else words and entity labels."""
    return "conllu" if path.suffix == ".conllu" else "iob"


def set_apart(sentences: Sequence[Sentence]) -> tuple[list[Sentence], list[Sentence]]:
    """A tenth of some sentences, chosen by hash, for dev: the others, and these."""

    def is_apart(sentence: Sentence) -> bool:
        digest = hashlib.blake2b(sentence.text.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") < _DEV_SHARE * 2**64

    apart = [sentence for sentence in sentences if is_apart(sentence)]
    return [sentence for sentence in sentences if not is_apart(sentence)], apart


Block = list[tuple[int, str]]
"""Numbered lines between blank ones."""


def _blocks(path: Path) -> Iterator[Block]:
    block: Block = []
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            block.append((number, line.rstrip("\r")))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _lines(path: Path) -> list[str]:
    try:
        text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file of labelled text") from None
    except UnicodeDecodeError as error:
        raise BadDataError(f"{path} is not UTF-8: {error}") from None
    return text.split("\n")


@dataclass(frozen=True)
class Tree:
    """The ten columns of each syntactic word of a sentence, and of each multiword token.

    Attributes:
        text: as the file has it; empty where it has none.
        words: one for each line that has a number.
        multiword: by the place of its first word, from 0: how many words it has, and its columns.
    """

    text: str
    words: list[list[str]]
    multiword: dict[int, tuple[int, list[str]]]


def read_trees(path: Path) -> Iterator[Tree]:
    """The sentences of a CoNLL-U file; empty nodes are left out.

    Raises:
        UsageError: there is no such file.
        BadDataError: it is not UTF-8, or a line is not as it must be.

    Source:
        universaldependencies.org/format.html
    """
    for block in _blocks(path):
        tree = _read_tree(path, block)
        if tree.words:
            yield tree


def _read_tree(path: Path, block: Block) -> Tree:
    tree_text, words, covered = "", [], 0
    numbers: list[int] = []
    multiword: dict[int, tuple[int, list[str]]] = {}
    number, line = block[0]
    for number, line in block:
        if line.startswith("#"):
            key, _, value = line[1:].partition("=")
            tree_text = value.strip() if key.strip() == "text" else tree_text
            continue
        row = line.split("\t")
        if len(row) != 10:
            raise _wrong(path, number, line, "ten columns between tabs, as in CoNLL-U")
        if "." in row[0]:
            continue
        begin, is_range, end = row[0].partition("-")
        if begin != str(len(words) + 1) or not (is_range or row[6].isdecimal()):
            raise _wrong(path, number, line, f"word {len(words) + 1} and the number of its head")
        if not is_range:
            words.append(row)
            numbers.append(number)
            continue
        if not end.isdecimal() or int(end) <= len(words) or covered > len(words):
            raise _wrong(path, number, line, "the first and the last word of a multiword token")
        covered = int(end)
        multiword[len(words)] = covered - len(words), row
    if covered > len(words):
        raise _wrong(path, number, line, f"all words of the multiword token that ends at {covered}")
    for number, row in zip(numbers, words, strict=True):
        if int(row[6]) > len(words):
            right = f"0 or the number of one of its sentence's {len(words)} words as head"
            raise _wrong(path, number, "\t".join(row), right)
    return Tree(tree_text, words, multiword)


def form(text: str) -> str:
    """A word as its column has it, spaces inside made one."""
    return " ".join(text.split()) or "_"


def _syntactic(tree: Tree) -> Sentence:
    """A sentence of syntactic words, one space between any two."""
    words = tuple(form(row[1]) for row in tree.words)
    layers = {"upos": 3, "feats": 5, "head": 6, "deprel": 7}
    labels = {name: tuple(row[column] for row in tree.words) for name, column in layers.items()}
    return Sentence(words=words, text=tree.text or " ".join(words), labels=labels)


def _tagged(path: Path, block: Block) -> Sentence:
    """A sentence of words and entity labels; whatever their layout, they become IOB2."""
    words, labels = [], []
    tabbed = any("\t" in line for _, line in block)
    for number, line in block:
        if line.startswith("-DOCSTART-") or (tabbed and line.startswith("# ")):
            continue
        row = line.split("\t") if "\t" in line else line.split()
        if len(row) < 2 or not row[0].strip() or not row[-1].strip():
            raise _wrong(path, number, line, "a word, a tab and its label")
        if row[-1].strip() in _NO_LABELS:
            raise _wrong(path, number, line, "a label with its type last, such as B-PER, PER or O")
        words.append(form(row[0]))
        labels.append(row[-1].strip())
    return Sentence(
        words=tuple(words),
        text=" ".join(words),
        labels={"chunk": tuple(iob2(labels))},
        spaces=customary_spaces(words),
    )


def iob2(labels: Sequence[str]) -> list[str]:
    """Labels with `B-` where an entity begins and `I-` inside it.

    Of bare types, as KIND has them, neighbours of one type are one entity; an `I-` that follows
    nothing of its type begins one. Ends and single words (IOBES, BILOU) are read as what they are.
    """
    made = []
    before = _OUTSIDE
    for label in labels:
        kind = label[2:] if label.startswith(_BEGINS + _GOES_ON) else label
        if kind == _OUTSIDE:
            made.append(_OUTSIDE)
        else:
            begins = label.startswith(_BEGINS) or before != kind
            made.append(f"{'B' if begins else 'I'}-{kind}")
        before = kind
    return made


def _classes(path: Path, lines: Sequence[str]) -> Iterator[Sentence]:
    """Sentences and their classes; a first line that names the columns is none of them."""
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == 1 and line.strip().lower() in _CLASS_HEADERS):
            continue
        text, _, label = line.rstrip("\r").rpartition("\t")
        words = tuple(text.split())
        if not words or not label.strip():
            raise _wrong(path, number, line, "a sentence, a tab and its class")
        yield Sentence(words=words, text=" ".join(words), labels={"class": (label.strip(),)})


def _wrong(path: Path, number: int, line: str, right: str) -> BadDataError:
    return BadDataError(f"{path}, line {number}: {line[:80]!r}; there must be {right}")
