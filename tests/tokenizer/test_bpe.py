import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from filiberto.errors import StateError
from filiberto.tokenizer import bpe
from tests.conftest import italian_lines

TEXTS = [
    *italian_lines(200),
    "తెలుగు భాష చాలా అందమైనది",
    "हिन्दी में लिखा हुआ",
    "l'amico dell'università è già andato",
]


def trained(*, split: str = "script", vocab_size: int = 500) -> Tokenizer:
    tokenizer = bpe.new_tokenizer(split=split, cut_after_apostrophe=True)  # type: ignore[arg-type]
    bpe.train_bpe(tokenizer, [TEXTS], vocab_size=vocab_size, min_frequency=2)
    return tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    bpe.save(trained(), path)
    bpe.write_config(path, max_length=64)
    return path


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_decoding_gives_the_text_back_in_nfc(folder: Path, text: str) -> None:
    tokenizer = bpe.load(folder, literal_specials=True)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == unicodedata.normalize("NFC", text)


def test_specials_come_first_in_the_articles_order(folder: Path) -> None:
    assert bpe.special_ids(bpe.load(folder), bpe.special_tokens(folder)) == {
        "<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4,
    }  # fmt: skip


def test_a_mask_takes_the_space_before_it(folder: Path) -> None:
    encoding = bpe.load(folder).encode("ciao <mask> va")
    mask = encoding.ids.index(4)
    assert encoding.tokens[mask - 1] != "Ġ"
    assert encoding.offsets[mask] == (4, 11)
    assert encoding.tokens[mask + 1].startswith("Ġ")


def test_a_literal_mask_in_a_document_is_ordinary_text(folder: Path) -> None:
    text = "prima <mask> poi </s> infine <pad>"
    as_document = bpe.load(folder, literal_specials=True).encode(text, add_special_tokens=False)
    as_prompt = bpe.load(folder).encode(text, add_special_tokens=False)
    specials = set(bpe.special_ids(bpe.load(folder), bpe.special_tokens(folder)).values())
    assert not specials & set(as_document.ids)
    assert {1, 2, 4} <= set(as_prompt.ids)


def test_documents_are_framed(folder: Path) -> None:
    tokens = bpe.load(folder).encode("ciao").tokens
    assert (tokens[0], tokens[-1]) == ("<s>", "</s>")


def test_training_twice_gives_the_same_bytes() -> None:
    assert trained().to_str() == trained().to_str()


def test_a_missing_special_token_is_named(tmp_path: Path, folder: Path) -> None:
    data = json.loads((folder / "tokenizer.json").read_text())
    data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] != "<mask>"]
    del data["model"]["vocab"]["<mask>"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    with pytest.raises(StateError, match="has no <mask>"):
        bpe.load(tmp_path)


def test_how_texts_were_once_cut_and_padded_is_forgotten(tmp_path: Path, folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    expected = tokenizer.encode(TEXTS[-1]).ids
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    bpe.write_config(tmp_path, max_length=64)
    assert bpe.load(tmp_path).encode(TEXTS[-1]).ids == expected


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": ')
    with pytest.raises(StateError, match=r"tokenizer\.json cannot be read"):
        bpe.load(tmp_path)


LOADERS = """
import json, sys
import transformers
texts = json.load(open(sys.argv[2], encoding="utf-8"))
loaded = getattr(transformers, sys.argv[3]).from_pretrained(sys.argv[1])
print(json.dumps([loaded(t)["input_ids"] for t in texts]))
print(json.dumps([loaded.mask_token, loaded.pad_token_id, loaded.model_max_length]))
"""


def ids_in(loader: str, folder: Path, texts: list[str]) -> tuple[list[list[int]], list]:
    """What a loader of transformers gives, in a process of its own: the stage never imports it."""
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-c", LOADERS, str(folder), str(folder / "texts.json"), loader],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    ids, facts = result.stdout.splitlines()[-2:]
    return json.loads(ids), json.loads(facts)


@pytest.mark.parametrize("loader", ["AutoTokenizer", "PreTrainedTokenizerFast"])
def test_stock_loaders_give_the_same_ids(folder: Path, loader: str) -> None:
    texts = [*TEXTS[-20:], "ciao, come <mask> va?", "  due  spazi 12345 e' così… "]
    own = bpe.load(folder)
    ids, facts = ids_in(loader, folder, texts)
    assert ids == [own.encode(text).ids for text in texts]
    assert facts == ["<mask>", 1, 64]


def test_the_articles_loader_gives_the_same_ids_with_its_split(tmp_path: Path) -> None:
    bpe.save(trained(split="gpt2"), tmp_path)
    own = bpe.load(tmp_path)
    texts = [*TEXTS[:50], "L'amico dell'università, perché no? 12345", "ciao <mask> va?"]
    assert ids_in("RobertaTokenizer", tmp_path, texts)[0] == [own.encode(t).ids for t in texts]


def test_a_literal_special_in_every_training_text_does_not_become_one_by_merging() -> None:
    texts = ["<mask> </s> <s> <pad> <unk> parola"] * 50
    for split in ("script", "gpt2"):
        tokenizer = bpe.new_tokenizer(split=split, cut_after_apostrophe=True)  # type: ignore[arg-type]
        bpe.train_bpe(tokenizer, [texts], vocab_size=400, min_frequency=2)
        tokenizer.encode_special_tokens = True
        ids = tokenizer.encode(texts[0] + "<mask></s>", add_special_tokens=False).ids
        assert not set(range(len(bpe.SPECIAL_TOKENS))) & set(ids)


def test_every_character_of_unicode_comes_back(folder: Path) -> None:
    tokenizer = bpe.load(folder, literal_specials=True)
    codes = map(chr, range(sys.maxunicode + 1))
    # Unassigned ones may be known to one side's Unicode and not yet to the other's.
    assigned = [c for c in codes if unicodedata.category(c) not in ("Cs", "Cn")]
    texts = ["a".join(assigned[n : n + 1_000]) for n in range(0, len(assigned), 1_000)]
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    back = tokenizer.decode_batch([e.ids for e in encodings], skip_special_tokens=False)
    assert back == [unicodedata.normalize("NFC", text) for text in texts]


def test_the_articles_loader_drops_the_normalizer(tmp_path: Path) -> None:
    # If this fails, the loader keeps it: say "same ids" in the sheet.
    bpe.save(trained(split="gpt2"), tmp_path)
    texts = ["perche\u0301 no?", "perché no?"]
    ids = ids_in("RobertaTokenizer", tmp_path, texts)[0]
    assert [bpe.load(tmp_path).encode(t).ids for t in texts] == [ids[1], ids[1]]
    assert ids[0] != ids[1]
