"""Fine-tuning within a budget, and the figures that come of it."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig

from filiberto import evaluate
from filiberto.config import EvaluateConfig
from filiberto.evaluate import contest, probes, tuning
from filiberto.evaluate.entities import EntityTask
from filiberto.evaluate.labelled import Labelled, Sentence
from filiberto.evaluate.model import Reader, load_reader
from filiberto.evaluate.parsing import ParseTask
from filiberto.evaluate.pretrained import new_parameters
from filiberto.evaluate.probes import Contestant, summary
from filiberto.evaluate.sorting import ClassTask
from filiberto.evaluate.tagging import TagTask
from filiberto.evaluate.tasks import Probe
from filiberto.evaluate.tuning import RATES, batch_of, encode, fine_tune, optimizers_of, scores
from filiberto.train import hardware

NOUNS = {"casa": "Fem", "libro": "Masc", "porta": "Fem", "treno": "Masc", "strada": "Fem"}
VERBS = ("vedo", "prendo", "cerco")


def sentence(number: int, *, shuffled: bool = False) -> Sentence:
    """`vedo la casa`: a verb, an article that agrees, a noun; a tag follows from its word."""
    draw = np.random.default_rng([number, 7])
    noun = list(NOUNS)[draw.integers(len(NOUNS))]
    gender = NOUNS[noun]
    words = (VERBS[draw.integers(3)], "la" if gender == "Fem" else "il", noun)
    upos = ("VERB", "DET", "NOUN")
    if shuffled:
        upos = tuple(draw.permutation(upos).tolist())
    labels = {
        "upos": upos,
        "feats": ("Person=1", f"Gender={gender}", f"Gender={gender}"),
        "head": ("0", "3", "1"),
        "deprel": ("root", "det", "obj"),
        "chunk": ("O", "O", "B-LOC" if noun == "strada" else "O"),
        "class": (gender,),
    }
    return Sentence(words=words, text=" ".join(words), labels=labels)


def labelled(train: int = 80, **options: Any) -> Labelled:
    rows = [sentence(n, **options) for n in range(train + 40)]
    parts = {"train": rows[:train], "dev": rows[train : train + 20], "test": rows[train + 20 :]}
    return Labelled("toy", parts, "digest")


@pytest.fixture(scope="module")
def reader(mini_run: Path) -> Reader:
    return load_reader(mini_run)


def tuned(task: Probe, reader: Reader, folder: Path) -> list[float]:
    """The scores on the test part."""
    parts = {part: encode(reader, rows) for part, rows in task.data.parts.items()}
    machine = hardware.find_hardware(precision="fp32")
    pad_id = reader.special_ids["<pad>"]
    made = fine_tune(
        *(task, folder, parts),
        rates=RATES[1], seed=0, pad_id=pad_id, machine=machine,
    )  # fmt: skip
    return scores(tuning.counts(task, made.model, parts["test"], pad_id=pad_id, machine=machine))


@pytest.mark.parametrize("make", [TagTask, EntityTask, ParseTask, ClassTask])
def test_what_follows_from_the_words_is_learned(make: Any, reader: Reader, mini_run: Path) -> None:
    found = tuned(make(labelled(train=200)), reader, mini_run / "model")
    assert min(found) > 0.9, found


def test_features_come_in_the_order_of_the_treebank_whatever_the_process() -> None:
    features = tuple(f"{name}=Yes" for name in "QWERTYUIOPASDFG")
    words = tuple("abcdefghijklmno")
    row = Sentence(words=words, text="", labels={"upos": ("X",) * len(words), "feats": features})
    task = TagTask(Labelled("toy", {"train": [row]}, "digest"))
    assert list(task.layers) == ["UPOS", *"QWERTYUIOPASDFG"]


def test_what_follows_from_nothing_is_not(reader: Reader, mini_run: Path) -> None:
    upos, _ = tuned(TagTask(labelled(shuffled=True)), reader, mini_run / "model")
    assert upos < 0.6  # a third is chance


def test_words_begin_where_their_letters_do(reader: Reader) -> None:
    row = sentence(0)
    (found,) = encode(reader, [row])
    tokens = [reader.tokenizer.decode([found.input_ids[place]]).strip() for place in found.first]
    assert all(word.startswith(token) for word, token in zip(row.words, tokens, strict=True))
    joined = reader.tokenizer.encode(" ".join(row.words)).ids
    assert found.input_ids == joined


def test_words_without_a_space_between_are_read_so(reader: Reader) -> None:
    row = Sentence(words=("vedo", "casa", ",", "sai"), text="", spaces=(True, False, True, True))
    (found,) = encode(reader, [row])
    assert found.input_ids == reader.tokenizer.encode("vedo casa, sai").ids
    assert reader.tokenizer.decode([found.input_ids[found.first[2]]]) == ","


def test_what_is_longer_than_the_model_reads_counts_as_wrong(
    reader: Reader, mini_run: Path
) -> None:
    many = Sentence(words=("casa",) * 3_000, text="", labels={"class": ("Fem",)})
    (found,) = encode(reader, [many])
    assert len(found.input_ids) == reader.max_length
    assert found.first[0] == 1
    assert found.first[-1] == 0
    batch = batch_of([found], pad_id=1)
    assert 0 < int(batch.words.sum()) < 3_000


def test_only_the_head_is_not_the_encoders(mini_run: Path) -> None:
    model = TagTask(labelled()).new_model(mini_run / "model", random=False)
    names = {name for name, p in model.named_parameters() if p in new_parameters(model)}
    assert names == {
        "head.dense.weight",
        "head.norm.weight",
        "classifier.weight",
        "classifier.bias",
    }
    torch.manual_seed(1)
    random = TagTask(labelled()).new_model(mini_run / "model", random=True)
    trained = dict(load_reader(mini_run).model.base_model.named_parameters())
    for name, parameter in model.base_model.named_parameters():
        assert torch.equal(parameter, trained[name])
    other = dict(random.base_model.named_parameters())["embeddings.tok_embeddings.weight"]
    assert not torch.equal(other, trained["embeddings.tok_embeddings.weight"])


@pytest.mark.parametrize("kind", ["modernbert", "roberta", "xlm-roberta", "camembert"])
@pytest.mark.parametrize("make", [TagTask, ParseTask, ClassTask])
def test_muon_learns_the_layers_where_it_has_a_rate_and_adamw_all_else(
    make: Any, kind: str, tmp_path: Path
) -> None:
    shape = {
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    AutoConfig.for_model(kind, **shape).save_pretrained(tmp_path)
    model = make(labelled()).new_model(tmp_path, random=True)
    machine = hardware.find_hardware(precision="fp32")
    for rates in RATES:
        optimizers = optimizers_of(model, rates, machine)
        groups = [
            (type(o).__name__, p) for o in optimizers for g in o.param_groups for p in g["params"]
        ]
        learned = {parameter: name for name, parameter in groups}
        assert len(groups) == len(learned) == len(list(model.parameters()))
        muons = {name for name, p in model.named_parameters() if learned[p] == "Muon"}
        matrices = {
            name for name, p in model.named_parameters() if ".layer" in name and p.ndim == 2
        }
        assert muons == (matrices if rates.muon else set())


def test_the_rule_of_the_most_frequent_label_takes_no_model() -> None:
    assert scores(TagTask(labelled()).majority()) == [1.0, 1.0]
    assert scores(ParseTask(labelled()).majority()) == [1.0, 1.0]
    assert scores(EntityTask(labelled()).majority()) == [1.0]
    parts = labelled().parts
    train = [s.labels["class"][0] for s in parts["train"]]
    usual = max(sorted(set(train)), key=train.count)
    right = [s.labels["class"][0] == usual for s in parts["test"]]
    assert scores(ClassTask(labelled()).majority()) == [sum(right) / len(right)]


def test_the_interval_holds_the_mean_and_narrows_with_sentences() -> None:
    draw = np.random.default_rng(0)

    def interval(sentences: int) -> dict[str, Any]:
        right = draw.binomial(10, 0.8, size=(3, sentences))
        return summary(np.stack([right, np.full_like(right, 10)], -1).astype(float))

    few, many = interval(50), interval(5_000)
    for found in (few, many):
        assert found["low"] < found["mean"] < found["high"]
        assert len(found["scores"]) == 3
    # Three seeds of 50 sentences of 10 words: an error of sqrt(.16 / 1500) = 0.0103 to each side.
    assert 0.02 < few["high"] - few["low"] < 0.07
    assert many["high"] - many["low"] < 0.01


def test_the_interval_is_of_the_mean_where_seeds_differ_in_how_much_they_say() -> None:
    draw = np.random.default_rng(0)
    right = draw.binomial(2, 0.6, size=(2, 300)).astype(float)
    says = np.stack([right, np.full_like(right, 2)], -1)
    nothing = np.stack([np.zeros(300), np.ones(300)], -1)[None]
    found = summary(np.concatenate([says, nothing]))
    assert found["low"] < found["mean"] < found["high"]


def test_a_treebank_without_features_has_no_score_of_them(reader: Reader, mini_run: Path) -> None:
    bare = {
        part: [replace(s, labels={**s.labels, "feats": ("_",) * 3}) for s in rows]
        for part, rows in labelled().parts.items()
    }
    task = TagTask(Labelled("bare", bare, "digest"))
    assert task.measures == ("UPOS",)
    (upos,) = tuned(task, reader, mini_run / "model")
    assert upos > 0.9
    assert len(task.majority()) == 1


def write_bank(folder: Path) -> Path:
    folder.mkdir()
    for part, rows in labelled().parts.items():
        blocks = []
        for row in rows:
            columns = zip(
                *(row.labels[k] for k in ("upos", "feats", "head", "deprel")), strict=True
            )
            lines = [
                f"{n}\t{word}\t_\t{upos}\t_\t{feats}\t{head}\t{name}\t_\t_"
                for n, (word, (upos, feats, head, name)) in enumerate(
                    zip(row.words, columns, strict=True), 1
                )
            ]
            blocks.append("\n".join(lines))
        (folder / f"toy-ud-{part}.conllu").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return folder


def test_the_report_has_rows_that_tell_what_a_score_is_worth_and_keeps_them(
    mini_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "MAX_STEPS", 4)
    run = tmp_path / "run"
    run.mkdir()
    for name in ("model", "corpus", "tokenizer"):
        (run / name).symlink_to(mini_run / name)
    settings = EvaluateConfig(
        treebank=str(write_bank(tmp_path / "bank")), against=(str(mini_run),), max_bytes=2_000
    )
    evaluate.build(run, settings=settings)
    metrics = json.loads((run / "report" / "metrics.json").read_text())
    assert [entry["measure"] for entry in metrics["probes"]] == ["UPOS", "UFeats", "LAS", "UAS"]
    for entry in metrics["probes"]:
        assert [row["kind"] for row in entry["rows"]] == ["model", "random", "against", "majority"]
        assert [row["name"] for row in entry["rows"]] == [
            *("run", contest.RANDOM, "mini", contest.MAJORITY)
        ]
        model, _, against, _ = (row["scores"] for row in entry["rows"])
        assert model == against  # it is the same model
        assert len(model) == len(probes.SEEDS)
        for row in entry["rows"][:3]:
            assert row["rates"] == asdict(RATES[np.argmax(row["tried"])])
        assert entry["seen_sentences"] == 0
    assert metrics["against"][0]["bits_per_byte"] == metrics["bits_per_byte"]

    def fails(*_: Any, **__: Any) -> Any:
        raise AssertionError("it is known")

    with monkeypatch.context() as patch:
        patch.setattr(probes, "fine_tune", fails)
        evaluate.build(run, settings=replace(settings, likelihood_words=9))
        again = json.loads((run / "report" / "metrics.json").read_text())
        assert again["probes"] == metrics["probes"]
        with pytest.raises(
            AssertionError, match="it is known"
        ):  # but not if all shall be forgotten
            evaluate.build(run, settings=settings, force=True)
        patch.setattr(tuning, "HEAD_LR", 2e-3)  # by another recipe nothing is
        with pytest.raises(AssertionError, match="it is known"):
            evaluate.build(run, settings=replace(settings, likelihood_words=8))
    text = (run / "report" / "manifest.json").read_text()
    assert str(tmp_path) not in text


def test_a_probe_of_a_random_model_is_of_random_weights(
    reader: Reader, mini_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "MAX_STEPS", 2)
    machine = hardware.find_hardware(precision="fp32")
    trained, random = (
        probes.probe(
            TagTask(labelled()),
            Contestant("x", mini_run / "model", random=random),
            machine=machine,
            advance=lambda n: None,
        )
        for random in (False, True)
    )
    assert trained.steps == random.steps == 2 * probes.trainings()
    assert not np.array_equal(trained.found, random.found)
