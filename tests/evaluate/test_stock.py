"""Models that are not trained here, measured as transformers computes them."""

import json
import math
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from filiberto import initial
from filiberto.errors import StateError
from filiberto.evaluate.bits import Score, WordCost, windows
from filiberto.evaluate.fill import fill
from filiberto.evaluate.model import Reader, load_reader
from filiberto.evaluate.pretrained import classifier
from filiberto.evaluate.prompts import Prompt, answer_prompts
from filiberto.evaluate.tuning import RATES, optimizers_of
from filiberto.train.hardware import find_hardware
from tests.conftest import filiberto, italian_lines

LONGEST = 64
SHAPES: dict[str, dict[str, Any]] = {
    "bert": {},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
    "electra": {"embedding_size": 16},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "albert": {"embedding_size": 16},
}


def made(folder: Path, kind: str, **shape: Any) -> Path:
    """A model of a type of transformers', with random weights and BERT's kind of tokenizer."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(italian_lines(200), trainer=trainer)
    roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    wrapped: Any = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **dict(zip(roles, special, strict=True))
    )
    wrapped.save_pretrained(folder)
    usual = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": LONGEST,
    }
    config = transformers.AutoConfig.for_model(
        kind, vocab_size=tokenizer.get_vocab_size(), pad_token_id=0, **{**usual, **shape}
    )
    torch.manual_seed(0)
    model: Any = transformers.AutoModelForMaskedLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("stock") / "bert", "bert")


@pytest.fixture(scope="module")
def reader(bert: Path) -> Reader:
    return load_reader(bert)


@pytest.mark.parametrize("kind", SHAPES)
def test_scores_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    reader = load_reader(made(tmp_path / kind, kind, **SHAPES[kind]))
    rows = [[2, 20, 4, 40, 3], [2, 30, 31, 4, 33, 34, 35, 4, 3]]
    places = [[2], [3, 7, 1]]
    found = reader.log_probabilities(rows, places)
    model: Any = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / kind).eval()
    for row, some, scores in zip(rows, places, found, strict=True):
        with torch.no_grad():
            theirs = model(input_ids=torch.tensor([row])).logits[0, some].log_softmax(-1)
        torch.testing.assert_close(scores, theirs, atol=1e-4, rtol=1e-4)


def test_the_longest_input_is_what_the_model_can_read(reader: Reader, tmp_path: Path) -> None:
    assert reader.max_length == LONGEST
    # Its first place stands behind the padding's id, as RoBERTa's does.
    offset = made(tmp_path / "offset", "roberta-prelayernorm")
    assert load_reader(offset).max_length == LONGEST - 1
    text = " ".join(italian_lines(40))
    rows = [window.ids for window in windows(load_reader(offset), "d", text, share=0.15)]
    assert max(map(len, rows)) == LONGEST - 1


def test_a_word_that_the_tokenizer_does_not_know_costs_its_bytes(reader: Reader) -> None:
    (window,) = windows(reader, "d", "ciao \u0c24\u0c46 ciao", share=1.0)
    assert [(word.num_bytes, word.is_known) for word in window.words] == [
        *((4, True), (6, False), (4, True))
    ]
    score = Score()
    costs = [WordCost(nats=1.0), WordCost(nats=2.0), WordCost(nats=4.0)]
    score.add([window], [costs])
    assert score.nats == pytest.approx(7 + 6 * math.log(256))
    assert score.words_right == 2


def test_words_of_several_pieces_are_found_whole(reader: Reader) -> None:
    words = [filler["token_str"] for filler in fill(reader, "la casa ___ oggi", top_k=20)]
    assert len(words) == 20
    assert not [word for word in words if "#" in word or " " in word]
    assert [word for word in words if len(reader.tokenizer.encode(word).ids) > 1]
    (result,) = answer_prompts(reader, [Prompt("la <mask> oggi", ("casa",))])
    assert [answer["word"] for answer in result["accepted"]] == ["casa"]


def test_muon_teaches_the_matrices_of_its_layers(bert: Path) -> None:
    model = classifier(bert, "sequence", 2, random=False)
    muon, adamw = optimizers_of(model, RATES[2], find_hardware(device="cpu", precision="fp32"))
    matrices = {id(p) for p in model.bert.encoder.parameters() if p.ndim == 2}
    assert {id(p) for group in muon.param_groups for p in group["params"]} == matrices
    learned = [p for some in (muon, adamw) for group in some.param_groups for p in group["params"]]
    assert {id(p) for p in learned} == {id(p) for p in model.parameters()}
    assert len(learned) == len({id(p) for p in learned})


def test_it_stands_beside_a_run(mini_run: Path, bert: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for name in ("corpus", "tokenizer", "model"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).symlink_to(mini_run / name)
    done = filiberto("evaluate", run, "--against", bert, "--evaluate.max-bytes", "20000")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((run / "report" / "metrics.json").read_text())
    (other,) = metrics["against"]
    assert other["words"] == metrics["words"] > 0
    assert other["word_bytes"] == metrics["word_bytes"]
    assert other["bits_per_byte"] > metrics["bits_per_byte"]


def test_what_is_no_masked_language_model_is_refused_by_the_name_it_was_asked_by(
    mini_run: Path, tmp_path: Path
) -> None:
    for text in ('{"model_type": "gpt2"}', '{"model_type": "their_own", "auto_map": {}}'):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(StateError, match=r"^a/b holds a model of type '(gpt2|their_own)'; not"):
            initial.configuration(tmp_path, name="a/b", to_train=False)
    run = tmp_path / "run"
    for name in ("corpus", "model"):
        shutil.copytree(mini_run / name, run / name)
    done = filiberto("evaluate", run, "--against", tmp_path)
    assert done.returncode == 74
    assert "of type 'their_own'; not one of those that AutoModelForMaskedLM loads" in done.stderr
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(StateError, match=r"the config\.json of .* cannot be read"):
        load_reader(tmp_path)


def test_foreign_code_is_neither_run_nor_asked_about(bert: Path, tmp_path: Path) -> None:
    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "theirs.py").write_text("raise SystemExit('it was run')")
    for name, key, value in (
        ("config.json", "AutoModelForMaskedLM", "theirs.Model"),
        ("tokenizer_config.json", "AutoTokenizer", [None, "theirs.Tokenizer"]),
    ):
        config = json.loads((tmp_path / name).read_text())
        (tmp_path / name).write_text(json.dumps({**config, "auto_map": {key: value}}))
    with suppress(StateError):  # or it is read by transformers' own classes
        assert load_reader(tmp_path).max_length == LONGEST


def test_a_tokenizer_without_a_mask_is_refused(bert: Path, tmp_path: Path) -> None:
    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    del config["mask_token"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(StateError, match="has no mask_token"):
        load_reader(tmp_path)
