from collections import Counter
from pathlib import Path

import pytest

from filiberto import corpus, tokenizer, tokens
from filiberto.config import CorpusConfig, TokenizerConfig, TokensConfig, parse_weights
from filiberto.corpus import reading
from filiberto.errors import OtherRunError, UsageError
from filiberto.tokenizer import bpe
from filiberto.tokens import weights
from filiberto.tokens.stream import open_stream
from tests.conftest import italian_lines

NAMES = ["it/europarl.txt.zst", "it/dialoghi.v1.txt", "te/europarl.jsonl"]


@pytest.mark.parametrize(
    ("entry", "weighed"),
    [
        ("it/europarl.txt.zst=2", [2, 1, 1]),
        ("it/europarl=2", [2, 1, 1]),
        ("europarl=2", [2, 1, 2]),
        ("europarl.txt=2", [2, 1, 1]),
        ("dialoghi=2", [1, 2, 1]),
        ("dialoghi.v1=2", [1, 2, 1]),
        ("it/*=0.5", [0.5, 0.5, 1]),
        ("*.jsonl=0", [1, 1, 0]),
    ],
)
def test_a_source_is_named_whole_without_suffixes_by_its_last_part_or_by_a_glob(
    entry: str, weighed: list[float]
):
    assert list(weights.of_sources([entry], NAMES).values()) == weighed


def test_a_name_that_no_source_has_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"'europarll'[^`]*`europarl`"):
        weights.of_sources(["europarll=2"], NAMES)
    with pytest.raises(UsageError, match=r"'xyz'\n.*it/europarl\.txt\.zst, it/dialoghi"):
        weights.of_sources(["xyz=2"], NAMES)


def test_a_source_with_two_weights_is_refused_by_name():
    with pytest.raises(UsageError, match=r"'it/europarl\.txt\.zst' has two weights, 2 and 3"):
        weights.of_sources(["europarl=2", "it/*=3"], NAMES)


def test_weights_that_leave_nothing_are_refused():
    with pytest.raises(UsageError, match="every source has weight 0"):
        weights.of_sources(["*=0"], NAMES)


@pytest.mark.parametrize("entry", ["europarl", "=2", "a=", "a=-1", "a=nan", "a=inf", "a=101"])
def test_what_is_no_weight_is_refused(entry: str):
    with pytest.raises(UsageError, match=f"'{entry}' is no weight"):
        parse_weights([entry])


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0, 2.5])
def test_copies_are_the_whole_part_and_a_share_of_one_more(weight: float):
    counts = [weights.copies(weight, f"a:{i}", seed=0) for i in range(4_000)]
    assert set(counts) <= {int(weight), int(weight) + (weight % 1 > 0)}
    # Four standard deviations of a share of 4,000 draws are at most 4 * sqrt(0.25 / 4000) = 0.032.
    assert sum(counts) / 4_000 == pytest.approx(weight, abs=0.032)
    assert counts == [weights.copies(weight, f"a:{i}", seed=0) for i in range(4_000)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run up to its vocabulary, from two sources."""
    folder = tmp_path_factory.mktemp("weights")
    run, text = folder / "run", folder / "text"
    run.mkdir()
    text.mkdir()
    lines = italian_lines(900)
    (text / "a.txt").write_text("\n".join(lines[:600]))
    (text / "b.txt").write_text("\n".join(lines[600:]))
    settings = CorpusConfig(validation_share=0.1, validation_min_bytes=2_000)
    corpus.build(run, text=[str(text)], settings=settings)
    tokenizer.build(run, settings=TokenizerConfig(vocab_size=400))
    return run


def written(run: Path, split: str) -> list[str]:
    """The documents in the shards of a side, in order."""
    reader = bpe.load(run / "tokenizer", literal_specials=True)
    stream = open_stream(run / "tokens", split=split)
    text = reader.decode(stream.read(0, len(stream)).tolist(), skip_special_tokens=False)
    return text.removeprefix("<s>").removesuffix("</s>").split("</s><s>")


def documents(run: Path, split: str) -> dict[str, str]:
    return {k: v for batch in reading.documents(run / "corpus", split=split) for k, v in batch}


def test_each_training_document_is_written_as_often_as_its_weight_says(run: Path):
    asked = ("a=0.5", "b=2.25")
    done = tokens.build(run, settings=TokensConfig(weights=asked, shard_tokens=5_000), seed=3)
    train = documents(run, "train")
    weighed = {"a.txt": 0.5, "b.txt": 2.25}
    expected = Counter(
        {
            text: weights.copies(weighed[identity.split(":")[0]], identity, seed=3)
            for identity, text in train.items()
        }
    )
    assert Counter(written(run, "train")) == +expected
    assert Counter(written(run, "validation")) == Counter(documents(run, "validation").values())
    sources = done.facts["train"]["sources"]
    for key in ("documents", "tokens"):
        assert sum(source[key] for source in sources.values()) == done.facts["train"][key]
    of_b = [identity for identity in train if identity.startswith("b.txt")]
    assert sources["b.txt"]["documents"] >= 2 * len(of_b)


def test_copies_of_a_document_lie_a_pass_apart(run: Path):
    tokens.build(run, settings=TokensConfig(weights=("*=2",)), force=True)
    once = list(documents(run, "train").values())
    assert written(run, "train") == once + once


def test_weights_and_their_seed_are_part_of_what_the_stage_is_made_from(run: Path):
    tokens.build(run, settings=TokensConfig(weights=("a=0.5",)), force=True)
    tokens.build(run, settings=TokensConfig(weights=("a=0.5",)))
    with pytest.raises(OtherRunError, match=r"`weights` \['a=0.5'\] there, \[\] now"):
        tokens.build(run)
    with pytest.raises(OtherRunError, match="`seed` 0 there, 1 now"):
        tokens.build(run, settings=TokensConfig(weights=("a=0.5",)), seed=1)


def test_without_weights_the_seed_changes_nothing(run: Path):
    tokens.build(run, force=True, seed=1)
    assert tokens.build(run, seed=2).facts["train"]["sources"].keys() == {"a.txt", "b.txt"}
