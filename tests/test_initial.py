"""A run that begins from a model trained elsewhere, with its tokenizer."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from filiberto import evaluate, plan, road, tokenizer, tokens, train
from filiberto.config import EvaluateConfig, Recipe
from filiberto.errors import OtherRunError, StateError, UnfinishedStageError, UsageError
from filiberto.evaluate.fill import fill
from filiberto.evaluate.model import load_reader
from filiberto.evaluate.report import summary_text
from filiberto.tokens.stream import open_stream
from tests.conftest import MINIATURE, italian_lines

BRACKETS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SHORT = dataclasses.replace(MINIATURE, max_steps=6, row_length=32)


def bracketed(folder: Path) -> None:
    """ModernBERT's kind of tokenizer: other names for the special tokens, in another order."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=list(BRACKETS), initial_alphabet=alphabet
    )
    made.train_from_iterator(italian_lines(500), trainer)
    cls, sep = (made.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, **dict(zip(names, BRACKETS, strict=True))
    ).save_pretrained(folder)


def modernbert(folder: Path, **more: Any) -> None:
    bracketed(folder)
    config = transformers.ModernBertConfig(
        vocab_size=512,  # more than the tokenizer has, as the published one
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
        global_attn_every_n_layers=3,
        **{
            f"{role}_token_id": BRACKETS.index(f"[{role.upper()}]")
            for role in ("pad", "cls", "sep")
        },
        bos_token_id=None,
        eos_token_id=None,
        **more,
    )
    torch.manual_seed(0)
    transformers.ModernBertForMaskedLM(config).save_pretrained(folder)


def sentencepiece(folder: Path) -> None:
    """XLM-RoBERTa's kind: a Unigram model, spaces as signs, <pad> before <s> or after."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="<unk>")
    made.train_from_iterator(italian_lines(500), trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = ("cls_token", "pad_token", "sep_token", "unk_token", "mask_token")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        **dict(zip(names, special, strict=True)),
    ).save_pretrained(folder)


def roberta(folder: Path, *, kind: Any = transformers.RobertaConfig, **more: Any) -> None:
    sentencepiece(folder)
    config = kind(
        vocab_size=300,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=40,
        max_position_embeddings=66,
        type_vocab_size=1,
        pad_token_id=1,
        **more,
    )
    torch.manual_seed(0)
    transformers.AutoModelForMaskedLM.from_config(config).save_pretrained(folder)


MAKERS = {
    "modernbert": modernbert,
    "roberta": roberta,
    "xlm-roberta": lambda folder: roberta(folder, kind=transformers.XLMRobertaConfig),
    "camembert": lambda folder: roberta(folder, kind=transformers.CamembertConfig),
}


@pytest.fixture
def run(tmp_path: Path, mini_run: Path) -> Path:
    """A run whose corpus is finished."""
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copytree(mini_run / "corpus", folder / "corpus")
    return folder


@pytest.mark.parametrize("kind", MAKERS)
def test_a_given_model_goes_the_whole_road(kind: str, run: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    MAKERS[kind](given)
    tokenizer.build(run, init_from=given, language="it")
    tokens.build(run)
    shutil.rmtree(given)  # the run has its own copy
    done = train.build(run, settings=SHORT, language="it")
    assert done.facts["plan"]["size"] == ("4x32" if kind == "modernbert" else "2x32")
    loaded = transformers.AutoModelForMaskedLM.from_pretrained(run / "model")
    assert loaded.config.model_type == kind
    assert loaded.config.max_position_embeddings in (64, 66)
    assert loaded.num_parameters() == done.facts["plan"]["parameters"]
    report = evaluate.build(run, settings=EvaluateConfig(max_bytes=3_000), language="it")
    before = report.facts["before"]
    assert before["words"] == report.facts["words"] > 0
    assert report.facts["bits_per_byte"] < before["bits_per_byte"]
    assert f"{before['bits_per_byte']:.3f} bits per byte" in summary_text(report.facts)
    assert "trained on from given" in (run / "model" / "README.md").read_text()


def test_ids_are_those_of_the_models_own_tokenizer(run: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    modernbert(given)
    tokenizer.build(run, init_from=given, language="it")
    tokens.build(run)
    stream = open_stream(run / "tokens", split="validation")
    assert stream.header["special_ids"]["<s>"] == BRACKETS.index("[CLS]")
    ids = stream.read(0, 400).tolist()
    first = ids[: ids.index(BRACKETS.index("[SEP]")) + 1]
    stock = transformers.AutoTokenizer.from_pretrained(given)
    text = stock.decode(first, skip_special_tokens=True)
    assert stock(text)["input_ids"] == first


def test_training_begins_from_the_weights_and_the_loss_shows_it(run: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    modernbert(given)
    tokenizer.build(run, init_from=given)
    tokens.build(run)
    settings = dataclasses.replace(SHORT, max_steps=60, peak_lr=3e-3, muon_lr=0.02)
    once = train.build(run, settings=settings).facts["validation_loss"]
    again = run.with_name("again")
    shutil.copytree(run / "corpus", again / "corpus")
    tokenizer.build(again, init_from=run / "model")
    tokens.build(again)
    short = dataclasses.replace(settings, max_steps=1, muon_lr=1e-6, peak_lr=1e-6)
    assert train.build(again, settings=short).facts["validation_loss"] == pytest.approx(once, 1e-2)


@pytest.mark.parametrize("kind", ["modernbert", "xlm-roberta"])
def test_fill_takes_our_name_for_the_mask(kind: str, tmp_path: Path) -> None:
    MAKERS[kind](tmp_path / "given")
    reader = load_reader(tmp_path / "given")
    one = fill(reader, "Anna legge <mask> oggi", top_k=2)
    assert len(one) == 2
    pipe = transformers.pipeline("fill-mask", model=str(tmp_path / "given"))
    mask = reader.special_tokens["<mask>"]
    assert one[0]["token"] == pipe(f"Anna legge {mask} oggi", top_k=1)[0]["token"]
    assert fill(reader, "Anna legge ___ oggi", top_k=2)[0]["token_str"]


def test_arithmetic_that_is_not_the_engines_is_refused(run: Path, tmp_path: Path) -> None:
    roberta(tmp_path / "relu", hidden_act="relu")
    with pytest.raises(StateError, match="arithmetic"):
        tokenizer.build(run, init_from=tmp_path / "relu")
    config = transformers.BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path / "bert")
    with pytest.raises(StateError, match="'bert'; not one of roberta"):
        tokenizer.build(run, init_from=tmp_path / "bert")
    with pytest.raises(UsageError, match=r"no config\.json"):
        tokenizer.build(run, init_from=tmp_path / "nowhere")
    assert not (run / "tokenizer").exists()


def test_what_is_no_model_is_refused_before_the_first_stage(tmp_path: Path) -> None:
    recipe = Recipe(text=("nothing.txt",), init_from=str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"no config\.json"):
        road.run(recipe, tmp_path / "run")


def test_another_model_is_another_run(run: Path, tmp_path: Path) -> None:
    modernbert(tmp_path / "given")
    tokenizer.build(run, init_from=tmp_path / "given")
    tokenizer.build(run, init_from=tmp_path / "given")
    roberta(tmp_path / "other")
    with pytest.raises(OtherRunError):
        tokenizer.build(run, init_from=tmp_path / "other")


def test_weights_that_are_gone_are_never_replaced_by_random_ones(run: Path, tmp_path: Path) -> None:
    modernbert(tmp_path / "given")
    tokenizer.build(run, init_from=tmp_path / "given")
    tokens.build(run)
    shutil.rmtree(run / "initial")
    with pytest.raises(UnfinishedStageError, match="not there"):
        train.build(run, settings=SHORT)


def test_rows_longer_than_the_model_reads_are_refused(run: Path, tmp_path: Path) -> None:
    roberta(tmp_path / "given")
    tokenizer.build(run, init_from=tmp_path / "given")
    tokens.build(run)
    with pytest.raises(UsageError, match="64"):
        train.build(run, settings=dataclasses.replace(SHORT, row_length=65))


def test_the_plan_is_the_given_models(run: Path, tmp_path: Path) -> None:
    modernbert(tmp_path / "given")
    recipe = Recipe(init_from=str(tmp_path / "given"), time="10m", train=SHORT)
    found = plan.forecast(dataclasses.replace(recipe, time=None), run, hardware="h100")
    assert (found.plan.size, found.plan.vocab_size) == ("4x32", 512)
    model = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "given")
    assert found.plan.parameters == model.num_parameters()
    assert json.loads(json.dumps(dataclasses.asdict(found)))
