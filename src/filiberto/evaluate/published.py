"""Published tests of a language: labelled text and minimal pairs, fetched once, kept under HF_HOME.

    ud, UD_Telugu-MTG   its own repository, at a release      ->  folder of .conllu
    wikiann             unimelb-nlp/wikiann on the Hub        ->  folder of words and entity labels
    multiblimp          jumelet/multiblimp on the Hub         ->  data.tsv

What there is for a language stands in `corpus/languages.tsv`. Files given by path need none of it.

Source:
    universaldependencies.org; WikiANN: Pan et al. 2017, in the parts of Rahimi et al. 2019,
    arXiv:1902.00193; MultiBLiMP: Jumelet et al. 2025, arXiv:2504.02768.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from filiberto.config import EvaluateConfig
from filiberto.console import say
from filiberto.corpus import languages
from filiberto.errors import BadDataError, TryAgainError, UsageError
from filiberto.evaluate.elsewhere import folder_of
from filiberto.evaluate.labelled import PARTS
from filiberto.runfolder import safeio

UD, WIKIANN, MULTIBLIMP = "ud", "wikiann", "multiblimp"
BASELINE = "FacebookAI/xlm-roberta-base"
"""The encoder of a hundred languages that `benchmarks` compares with."""

_RELEASE = "2.18"
_HOST = "https://raw.githubusercontent.com/UniversalDependencies"
_HUB = {WIKIANN: "unimelb-nlp/wikiann", MULTIBLIMP: "jumelet/multiblimp"}
_LABELS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
_WIKIANN_PARTS = {"train": "train", "dev": "validation", "test": "test"}
_PATHS = "or name files that are here: --treebank FOLDER, --entities FOLDER, --pairs FILE"


@dataclass(frozen=True)
class Published:
    """Data that was fetched.

    Attributes:
        name: as tables show it.
        path: of its folder or file.
        licence: as its authors name it, `unknown` where they do not.
    """

    name: str
    path: Path
    licence: str


def here(settings: EvaluateConfig, language: str) -> tuple[EvaluateConfig, list[Published]]:
    """Settings with paths in the place of published names, and what those are.

    Args:
        settings: with `benchmarks`, what is published for the language and not set is put in.
        language: ISO 639 code.

    Raises:
        UsageError: no language is said, or there is no such data in it.
        TryAgainError: what is not here yet cannot be fetched, models to compare with among it; all
            of it is named.
    """
    if settings.benchmarks:
        settings = _filled(settings, _language(language))
    taken: list[Published] = []
    missing: list[TryAgainError] = []

    def path_of(name: str, fetch: Callable[[], Published]) -> str:
        try:
            taken.append(fetch())
        except TryAgainError as error:
            missing.append(error)
            return name
        return str(taken[-1].path)

    def published(name: str | None, pattern: str) -> bool:
        named = name is not None and re.fullmatch(pattern, name) is not None
        return named and not Path(str(name)).exists()

    treebank, entities, pairs = settings.treebank, settings.entities, settings.pairs
    if treebank and published(treebank, rf"{UD}|UD_[\w-]+"):
        settings = replace(
            settings, treebank=path_of(treebank, lambda: _treebank(treebank, language))
        )
    if entities and published(entities, WIKIANN):
        settings = replace(settings, entities=path_of(entities, lambda: _wikiann(language)))
    if any(published(name, MULTIBLIMP) for name in pairs):
        path = path_of(MULTIBLIMP, lambda: _multiblimp(language))
        settings = replace(settings, pairs=tuple(path if p == MULTIBLIMP else p for p in pairs))
    for name in settings.against:
        try:
            folder_of(name)
        except TryAgainError as error:
            missing.append(error)
    if missing:
        reasons = "\n".join(error.message for error in missing)
        raise TryAgainError(
            reasons, hint=f"run the same command again with a network, {_PATHS}, --against FOLDER"
        )
    return settings, taken


def _language(code: str) -> languages.Language:
    if not code:
        raise UsageError(
            "published tests are looked up by language, and none is said", hint="add --language te"
        )
    return languages.find(code)


def _filled(settings: EvaluateConfig, language: languages.Language) -> EvaluateConfig:
    """All that is published for a language, in the place of what is not set."""
    there = languages.facts(language)
    for kind, names in (
        ("Universal Dependencies", there.treebanks),
        ("WikiANN", there.wikiann),
        ("MultiBLiMP", there.multiblimp),
    ):
        if not names:
            say(f"benchmarks: {kind} has no {language.name}")
    return replace(
        settings,
        treebank=settings.treebank or (UD if there.treebanks else None),
        entities=settings.entities or (WIKIANN if there.wikiann else None),
        pairs=settings.pairs or ((MULTIBLIMP,) if there.multiblimp else ()),
        against=settings.against or (BASELINE,),
    )


def _treebank(name: str, language: str) -> Published:
    """A treebank by its name, or the language's first that has something to learn from."""
    if name == UD:
        candidates = languages.facts(_language(language)).treebanks
    else:
        candidates = tuple(t for t in languages.all_treebanks() if t.startswith(f"{name}/"))
    for candidate in candidates:
        repository, prefix = candidate.split("/")
        folder = _kept(f"ud-{_RELEASE}") / repository
        if not folder.is_dir():
            _fetch_treebank(folder, prefix)
        if (folder / f"{prefix}-ud-train.conllu").is_file():
            return Published(repository, folder, _licence(folder / "README.md"))
    what = f"no treebank of {language}" if name == UD else f"no treebank {name}"
    raise UsageError(
        f"Universal Dependencies {_RELEASE} has {what} with a train part",
        hint=f"see what there is: filiberto languages {language}; {_PATHS}",
    )


def _fetch_treebank(folder: Path, prefix: str) -> None:
    """Fetch what there is of a treebank; of one without a train part the README alone."""
    base = os.environ.get("UD_ENDPOINT", _HOST) + f"/{folder.name}/r{_RELEASE}"
    say(f"fetching {folder.name} of Universal Dependencies {_RELEASE}")
    names = ["README.md", *(f"{prefix}-ud-{part}.conllu" for part in PARTS)]
    files: dict[str, bytes] = {}
    for name in names:
        data = _get(f"{base}/{name}", folder.name)
        if data is not None:
            files[name] = data
        elif "-train." in name:
            break
    with safeio.new_folder(folder) as new:
        for name, data in files.items():
            (new / name).write_bytes(data)


def _get(url: str, name: str) -> bytes | None:
    """The bytes of a URL; None where there is no such file."""
    from huggingface_hub.utils import get_session, hf_raise_for_status

    from filiberto.hub_errors import told

    with told(name, kind="treebank", host=url.split("/")[2]):
        response = get_session().get(url, timeout=60)
        if response.status_code == 404:
            return None
        hf_raise_for_status(response)
        return response.content


def _wikiann(language: str) -> Published:
    """WikiANN's sentences in a language, its parquet files as words and labels."""
    codes = languages.facts(_language(language)).wikiann
    if not codes:
        raise UsageError(f"WikiANN has no {languages.find(language).name}", hint=_PATHS)
    snapshot = _snapshot(WIKIANN, f"{codes[0]}/*")
    folder = _kept(f"wikiann-{snapshot.name[:7]}") / f"WikiANN-{codes[0]}"
    if not folder.is_dir():
        with safeio.new_folder(folder) as new:
            for part, name in _WIKIANN_PARTS.items():
                files = sorted((snapshot / codes[0]).rglob("*.parquet"))
                named = (f for f in files if name in f.relative_to(snapshot).as_posix())
                lines = (line for file in named for line in _iob_lines(file))
                (new / f"{part}.tsv").write_text("".join(lines), encoding="utf-8")
    return Published(folder.name, folder, _licence(snapshot / "README.md"))


def _iob_lines(path: Path) -> Iterator[str]:
    """A word, a tab and its label; an empty line after each sentence."""
    from filiberto.corpus import reading

    for row in reading.rows(path, ["tokens", "ner_tags"]):
        for word, label in zip(row["tokens"], row["ner_tags"], strict=True):
            if not 0 <= label < len(_LABELS):
                raise BadDataError(f"{path}: {label} is no label of WikiANN's {len(_LABELS)}")
            if word.strip():
                yield f"{word}\t{_LABELS[label]}\n"
        yield "\n"


def _multiblimp(language: str) -> Published:
    codes = languages.facts(_language(language)).multiblimp
    if not codes:
        raise UsageError(f"MultiBLiMP has no {languages.find(language).name}", hint=_PATHS)
    snapshot = _snapshot(MULTIBLIMP, f"{codes[0]}/data.tsv")
    path = snapshot / codes[0] / "data.tsv"
    return Published(f"MultiBLiMP-{codes[0]}", path, _licence(snapshot / "README.md"))


def _snapshot(name: str, pattern: str) -> Path:
    """The folder of a data set on the Hub that holds its card and the files of a pattern."""
    from huggingface_hub import snapshot_download

    from filiberto.hub_errors import told

    with told(_HUB[name]):
        return Path(
            snapshot_download(
                _HUB[name],
                repo_type="dataset",
                allow_patterns=[pattern, "README.md"],
                library_name="filiberto",
            )
        )


def _kept(name: str) -> Path:
    from huggingface_hub import constants

    folder = Path(constants.HF_HOME, "filiberto", name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _licence(readme: Path) -> str:
    """As a treebank's README has it, `License: CC BY-SA 4.0`, or a card's head, `license: mit`."""
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    match = re.search(
        r"^licen[cs]e:[ \t]*(?:\n[ \t]*- *)?(\S.*)$", text, re.MULTILINE | re.IGNORECASE
    )
    return match[1].strip() if match else "unknown"
