from pathlib import Path

import pytest

from filiberto.errors import UsageError
from filiberto.evaluate.fill import fill, fill_word
from filiberto.evaluate.model import Reader, load_reader


@pytest.fixture(scope="module")
def reader(mini_run: Path) -> Reader:
    return load_reader(mini_run)


@pytest.fixture(scope="module")
def pipeline(mini_run: Path):
    from transformers import pipeline

    return pipeline("fill-mask", model=str(mini_run / "model"), top_k=5)


@pytest.mark.parametrize("text", ["Anna <mask> il libro oggi", "<mask> legge", "torna a<mask>"])
def test_fillers_are_those_of_the_stock_pipeline(reader: Reader, pipeline, text: str) -> None:
    own, stock = fill(reader, text), pipeline(text)
    assert [f["token"] for f in own] == [f["token"] for f in stock]
    assert [f["token_str"] for f in own] == [f["token_str"] for f in stock]
    assert [f["sequence"] for f in own] == [f["sequence"] for f in stock]
    assert own[0].keys() == stock[0].keys()
    # Both softmax in fp32.
    assert [f["score"] for f in own] == pytest.approx([f["score"] for f in stock], abs=1e-5)


def test_several_masks_give_a_list_each(reader: Reader, pipeline) -> None:
    text = "Anna <mask> il <mask> oggi"
    own, stock = fill(reader, text, top_k=5), pipeline(text)
    assert [[f["token"] for f in hole] for hole in own] == [
        [f["token"] for f in hole] for hole in stock
    ]


def test_a_blank_takes_words_of_several_tokens(reader: Reader) -> None:
    found = fill(reader, "Anna legge ___ oggi", top_k=200)
    assert {len(f["token"]) for f in found} == {1, 2, 3, 4, 5}
    words = [f["token_str"] for f in found]
    assert len(set(words)) == len(words)
    for f in found:
        assert " " not in f["token_str"]
        assert f["sequence"] == f"Anna legge {f['token_str']} oggi"
    assert [f["score"] for f in found] == sorted((f["score"] for f in found), reverse=True)


def test_the_score_of_a_one_token_word_is_its_probability(reader: Reader) -> None:
    by_id = {f["token"]: f["score"] for f in fill(reader, "Anna <mask> oggi", top_k=500)}
    single = [f for f in fill_word(reader, "Anna ___ oggi", top_k=200) if len(f["token"]) == 1]
    assert single
    for f in single:
        assert f["score"] == pytest.approx(by_id[f["token"][0]], rel=1e-4)


@pytest.mark.parametrize("text", ["___ legge il libro", "«___» dice Anna", "d'___ sera"])
def test_a_blank_with_no_space_before_it_is_filled_in_place(reader: Reader, text: str) -> None:
    before, _, after = text.partition("___")
    found = fill(reader, text)
    assert found
    assert all(f["sequence"] == f"{before}{f['token_str']}{after}" for f in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ciao", "'ciao' has nothing to fill"),
        ("a ___ b ___ c", "one ___ at a time"),
        ("a ___ b <mask> c", "one ___ at a time"),
        ("<mask>" + " parola" * 200, "the model reads at most 64"),
    ],
)
def test_what_cannot_be_filled_is_said(reader: Reader, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fill(reader, text)
