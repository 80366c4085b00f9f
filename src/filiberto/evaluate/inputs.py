"""All that a report is made from, read and named by content before anything is measured.

    settings, run -> prompts, pairs, labelled text, other models, marks -> Inputs, its fingerprint

Nothing heavy is imported for it: a report that is there already is found at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filiberto.config import EvaluateConfig
from filiberto.evaluate import history, marks, pair_files, published
from filiberto.evaluate.elsewhere import folder_of, names_of
from filiberto.evaluate.kept import digest_of
from filiberto.evaluate.labelled import Labelled, Layout, read_all
from filiberto.evaluate.pair_files import MinimalPair, read_pairs
from filiberto.evaluate.prompts import Prompt, load_prompts
from filiberto.evaluate.published import Published
from filiberto.runfolder import manifest

if TYPE_CHECKING:
    from filiberto.evaluate.pairs import Choice


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a report is made from.

    Attributes:
        name: of what is measured.
        model: its folder.
        inputs: hashes of it and of the corpus.
        others: names and folders of the models to compare with.
        published: data among it that was fetched.
    """

    config: EvaluateConfig
    name: str
    model: Path
    inputs: dict[str, str]
    prompts: Sequence[Prompt]
    choices: Sequence[Choice]
    pairs: Sequence[MinimalPair]
    labelled: dict[Layout, Labelled]
    others: Sequence[tuple[str, Path]]
    published: Sequence[Published]
    marked: marks.Marks | None
    price_per_hour: float | None

    @cached_property
    def measured(self) -> dict[str, Any]:
        """What the figures of one model follow from, beside the model."""
        return {
            "max_bytes": self.config.max_bytes,
            "word_share": self.config.word_share,
            "likelihood_words": self.config.likelihood_words,
            "prompts": [asdict(prompt) for prompt in self.prompts],
            "choices": [[choice.text, choice.right, *choice.wrong] for choice in self.choices],
            "pairs": pair_files.digest(self.pairs),
        }

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All that decides what the report says."""
        return {**self._figures, **self.shown}

    @cached_property
    def shown(self) -> dict[str, Any]:
        """What decides how figures are shown, and none of them."""
        return manifest.plain(
            {
                "marks": None if self.marked is None else asdict(self.marked),
                "price_per_hour": self.price_per_hour,
            }
        )

    @cached_property
    def _figures(self) -> dict[str, Any]:
        return manifest.plain(
            {
                **self.measured,
                "labelled": [[data.name, data.digest] for data in self.labelled.values()],
                "against": [[name, *digest_of(folder)] for name, folder in self.others],
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """Of the report that comes of it."""
        return manifest.fingerprint("evaluate", settings=self.settings, inputs=self.inputs)


def read_inputs(
    run: Path,
    config: EvaluateConfig,
    *,
    language: str,
    choices: Sequence[Choice],
    pairs: Sequence[MinimalPair],
) -> Inputs:
    """Read what the settings name. See `evaluate.build` for arguments and errors."""
    config, fetched = published.here(config, language)
    if config.model is None:
        model = run / "model"
        content = manifest.require(run, "model").content
    else:
        model = folder_of(config.model)
        content = " ".join(digest_of(model))
    name, *others = names_of((config.model or str(model), *config.against))
    return Inputs(
        config=config,
        name=name,
        model=model,
        inputs={"model": content, "corpus": manifest.require(run, "corpus").content},
        prompts=load_prompts(config.prompts, language=language),
        choices=choices,
        pairs=[*pairs, *(p for path in config.pairs for p in read_pairs(Path(path)))],
        labelled=read_all(config),
        others=[(n, folder_of(m)) for n, m in zip(others, config.against, strict=True)],
        published=fetched,
        marked=marks.of(run),
        price_per_hour=history.price_per_hour(run),
    )
