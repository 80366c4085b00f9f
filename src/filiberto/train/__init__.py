"""Stage 4, train: token shards -> checkpoints -> a model folder that stock transformers loads.

tokens/*.tokens -> sampler -> masking -> model -> optim -> checkpoints/ -> export -> model/
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filiberto.config import DEFAULT_TIME, Auto, Recipe, Size, TrainConfig, parse_seconds
from filiberto.console import readable_number, readable_seconds, say
from filiberto.errors import OtherRunError, StateError, TryAgainError
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest

if TYPE_CHECKING:
    from filiberto.train.architecture import MaskedLM
    from filiberto.train.checkpoint import State
    from filiberto.train.distributed import Ranks
    from filiberto.train.hardware import Hardware
    from filiberto.train.job import Job
    from filiberto.train.loop import Validation
    from filiberto.train.plan import Plan

LivePrompt = Callable[["MaskedLM"], str]

# Where the speed decides the number of steps, and where it only tells the time left.
_MEASURE_SECONDS, _GLANCE_SECONDS = 5.0, 1.0

PLAN, ENVIRONMENT = "plan.json", "environment.json"


# They decide no weight beyond rounding: a stopped training may go on with others.
_OF_NO_CONSEQUENCE = (
    "micro_batch_tokens",
    "validate_steps",
    "validation_tokens",
    "log_steps",
    "checkpoint_steps",
    "device",
    "attention",
    "compile",
    "activation_checkpointing",
)


def build(
    run: Path,
    *,
    settings: TrainConfig | None = None,
    size: Size | Auto = "auto",
    time: str = DEFAULT_TIME,
    elapsed: float = 0.0,
    checkpoint_every: str = "10m",
    language: str = "",
    seed: int = 0,
    live_prompt: LivePrompt | None = None,
    force: bool = False,
) -> Manifest:
    """Train the model of a run, go on where a stopped training was, or return what is there.

    Args:
        run: the run folder; its stage `tokens` is finished.
        settings: all but the size.
        size: a published size, or 'auto' for the largest worth training in the time.
        time: wall-clock time for the whole command, unless the settings fix steps or epochs.
        elapsed: seconds of it that are gone.
        checkpoint_every: time between checkpoints.
        language: ISO 639 code for the model card.
        seed: of weights, order and masks.
        live_prompt: makes a line out of the model at each validation.
        force: throw an earlier training away.

    Returns:
        The manifest of `model/`.

    Raises:
        UnfinishedStageError: there are no finished tokens.
        OtherRunError: a training with other settings is there.
        BadDataError: the text is shorter than a row.
        StateError: tokenizer and shards disagree, or no checkpoint is whole.
        TryAgainError: a signal stopped it after saving.
    """
    settings = settings or TrainConfig()
    inputs = {
        "tokens": manifest.require(run, "tokens").content,
        "tokenizer": manifest.require(run, "tokenizer").files["tokenizer.json"],
    }
    asked = _of_consequence(settings, size=size, seed=seed, time=time)
    if done := manifest.finished_as_asked(run, "model", settings=asked, inputs=inputs, force=force):
        return done
    from filiberto.train import hardware
    from filiberto.train.distributed import process_group
    from filiberto.train.plan import training_seconds

    fingerprint = manifest.fingerprint("train", settings=asked, inputs=inputs)
    machine = hardware.hardware_for(settings)
    with process_group(device=machine.device) as ranks:
        if ranks.writes:
            _check_way(run, fingerprint=fingerprint, force=force)
        job = _prepare(
            run,
            settings=settings,
            size=size,
            seconds=training_seconds(time, elapsed=elapsed),
            seed=seed,
            key=fingerprint,
            force=force,
            machine=machine,
            ranks=ranks,
        )
        facts = _train(
            job,
            run,
            fingerprint=fingerprint,
            checkpoint_seconds=parse_seconds(checkpoint_every),
            live_prompt=live_prompt,
        )
        if ranks.writes:
            _export(job, run, settings=asked, inputs=inputs, facts=facts, language=language)
        ranks.wait()
    return manifest.require(run, "model")


def run(recipe: Recipe, run: Path, *, force: bool = False, elapsed: float = 0.0) -> Manifest:
    """The command `filiberto train`."""
    from filiberto.evaluate.prompts import live_prompt

    done = build(
        run,
        settings=recipe.train,
        size=recipe.size,
        time=recipe.time or DEFAULT_TIME,
        elapsed=elapsed,
        checkpoint_every=recipe.checkpoint_every,
        language=recipe.language,
        seed=recipe.seed,
        live_prompt=live_prompt(run, recipe),
        force=force,
    )
    say(summary(done))
    return done


def summary(done: Manifest) -> str:
    """The training in one line."""
    from filiberto.train.plan import Plan

    facts, plan = done.facts, Plan(**done.facts["plan"])
    return (
        f"model: {plan.model}, {readable_number(plan.parameters)} parameters"
        f" · {readable_number(facts['tokens'])} tokens in {readable_seconds(facts['seconds'])}"
        f" · validation loss {facts['validation_loss']:.3f} nats a masked token"
        f" · {100 * facts['validation_accuracy']:.1f} % right"
    )


def _of_consequence(
    settings: TrainConfig, *, size: Size | Auto, seed: int, time: str
) -> dict[str, Any]:
    """What decides the weights, and so which training this is."""
    from filiberto.train.plan import is_timed

    asked: dict[str, Any] = {**asdict(settings), "size": size, "seed": seed}
    if is_timed(settings):
        asked["time"] = time
    return {key: value for key, value in asked.items() if key not in _OF_NO_CONSEQUENCE}


def _check_way(run: Path, *, fingerprint: str, force: bool) -> None:
    """Keep this training's checkpoints, refuse another's."""
    from filiberto.train import checkpoint

    folder = run / "checkpoints"
    if force or not folder.exists():
        return
    safeio.sweep(folder)
    other = checkpoint.newest_fingerprint(folder)
    if other is not None and other != fingerprint:
        raise OtherRunError(
            f"{folder} holds a training with other settings or other tokens",
            hint="take another folder, or throw it away: "
            f"filiberto train {run} --force, with the settings you want",
        )


def _throw_away(run: Path) -> None:
    """Remove a training and its model, so that a stop leaves nothing that looks finished."""
    from filiberto.train import records

    for name in ("model", "checkpoints"):
        shutil.rmtree(run / name, ignore_errors=True)
    for name in (records.METRICS, records.TIMINGS, PLAN):
        (run / name).unlink(missing_ok=True)


def _prepare(
    run: Path,
    *,
    settings: TrainConfig,
    size: Size | Auto,
    seconds: float,
    seed: int,
    key: str,
    force: bool,
    machine: Hardware,
    ranks: Ranks,
) -> Job:
    """Open the tokens, fix the plan and make a model with random weights.

    Only when all that has gone well is an earlier training thrown away, if so forced.
    """
    from filiberto.train import hardware, plan
    from filiberto.train.job import new_job

    environment = {**hardware.environment(machine), "processes": ranks.size}
    hardware.keep_freed_memory()
    kept = None if force else _read_plan(run / PLAN, key=key)
    ranks.wait()  # all have read it before one writes
    chosen = kept.size if kept else plan.choose_size(size, seconds=seconds, device=machine.device)
    parts = {"settings": settings, "size": chosen, "machine": machine, "seed": seed}
    job = new_job(run, **parts, ranks=ranks)
    if kept is None:
        fixed = _measured_plan(job, settings=settings, seconds=seconds)
        if ranks.writes:
            if force:
                _throw_away(run)
            _write_plan(run, fixed, key=key)
        ranks.wait()
        fixed = _read_plan(run / PLAN, key=key) or fixed  # that of the one that writes
        job = new_job(run, **parts, ranks=ranks)
    else:
        fixed = plan.moved(kept, settings, device=machine.device, precision=machine.precision)
        _tell_of_another_machine(run, environment)
    if ranks.writes:
        safeio.write_json(run / ENVIRONMENT, environment)
    say(plan.describe(fixed))
    return dataclasses.replace(job, plan=fixed, course=fixed.course)


def _tell_of_another_machine(run: Path, environment: dict[str, Any]) -> None:
    """Say so where a training goes on in other surroundings than it began in."""
    path = run / ENVIRONMENT
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else environment
    other = [key for key in environment if environment[key] != before.get(key)]
    if other:
        say(f"going on with another {', '.join(other)}: right, but no longer the same to the bit")


def _measured_plan(job: Job, *, settings: TrainConfig, seconds: float) -> Plan:
    from filiberto.train import plan, speed

    draft = job.plan
    timed = plan.is_timed(settings)
    say(
        f"model: {draft.model}, {readable_number(draft.parameters)} parameters"
        " · measuring how fast this machine trains it"
    )
    tokens_per_second, micro_rows = speed.measure_speed(
        job, seconds=min(_MEASURE_SECONDS, 0.05 * seconds) if timed else _GLANCE_SECONDS
    )
    made = plan.make_plan(
        settings,
        size=draft.size,
        vocab_size=draft.vocab_size,
        text_tokens=draft.text_tokens,
        seconds=seconds,
        tokens_per_second=tokens_per_second,
        peak_lr=draft.peak_lr,
        device=draft.device,
        precision=draft.precision,
    )
    return dataclasses.replace(made, micro_rows=micro_rows)


def _taken_up(job: Job, run: Path, *, fingerprint: str) -> tuple[Job, State]:
    """The training as its newest checkpoint left it, or from the beginning."""
    from filiberto.train import checkpoint, records

    state = checkpoint.load_newest(
        run / "checkpoints", model=job.model, optimizers=job.optimizers, fingerprint=fingerprint
    )
    if state is None:
        return job, checkpoint.State(step=0, fingerprint=fingerprint)
    if job.plan.time_seconds is not None:
        # Where time ends the training, steps that were lost have cost it too.
        lost = records.last_seconds(run)
        state = dataclasses.replace(state, seconds=max(state.seconds, lost))
    if state.course is not None:
        say(f"going on after step {state.step:,} of {state.course.max_steps:,}")
        job = dataclasses.replace(job, course=state.course)
    return job, state


def _train(
    job: Job,
    run: Path,
    *,
    fingerprint: str,
    checkpoint_seconds: float,
    live_prompt: LivePrompt | None,
) -> dict[str, Any]:
    import torch

    from filiberto.train import loop
    from filiberto.train.job import in_less_memory

    job, state = _taken_up(job, run, fingerprint=fingerprint)
    results: list[Validation] = []

    def on_validation(result: Validation) -> str:
        results.append(result)
        return live_prompt(job.model) if live_prompt else ""

    try:
        state = loop.train_loop(
            job,
            run,
            state=state,
            checkpoint_seconds=checkpoint_seconds,
            on_validation=on_validation,
        )
    except torch.OutOfMemoryError:
        # Of several processes one alone cannot go on with less: all begin again from the plan.
        less = in_less_memory(job)
        _write_plan(run, less.plan, key=fingerprint)
        raise TryAgainError(
            f"out of memory with {job.plan.micro_rows} rows at once; the plan is changed to "
            f"{less.plan.micro_rows}",
            hint="run the same command again (without --force) to go on",
        ) from None
    # None where the last step was taken, and its validation made, before a stop.
    result = results[-1] if results else loop.validate(job)
    done = dataclasses.replace(job.plan, max_steps=state.step)
    return {
        "plan": asdict(done),
        "tokens": done.train_tokens,
        "seconds": round(state.seconds, 1),
        "validation_loss": result.loss,
        "validation_accuracy": result.accuracy,
    }


def _export(
    job: Job,
    run: Path,
    *,
    settings: dict[str, Any],
    inputs: dict[str, str],
    facts: dict[str, Any],
    language: str,
) -> Manifest:
    """Write the folder that `from_pretrained` loads."""
    import transformers

    from filiberto.publish.card import model_card
    from filiberto.tokenizer import bpe

    transformers.logging.disable_progress_bar()
    with safeio.new_folder(run / "model") as folder:
        job.model.save_pretrained(folder)
        for file in (run / "tokenizer").iterdir():
            if file.name != manifest.MANIFEST:
                shutil.copyfile(file, folder / file.name)
        bpe.write_config(folder, max_length=job.plan.row_length)
        card = model_card(run, facts=facts, language=language)
        safeio.write_bytes(folder / "README.md", card.encode())
        return manifest.finish(
            folder,
            stage="train",
            settings=settings,
            inputs=inputs,
            facts=facts,
            seconds=facts["seconds"],
        )


def _write_plan(run: Path, plan: Plan, *, key: str) -> None:
    safeio.write_json(run / PLAN, {"fingerprint": key, **asdict(plan)})


def _read_plan(path: Path, *, key: str) -> Plan | None:
    """The plan of this very training, if it was made before."""
    from filiberto.train.plan import Plan

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Plan(**data) if data.pop("fingerprint") == key else None
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise StateError(f"{path} is damaged: {error}", hint="delete it and run again") from None
