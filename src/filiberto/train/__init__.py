"""Stage 4, train: token shards -> checkpoints -> a model folder that stock transformers loads.

tokens/*.tokens -> sampler -> masking -> model -> optim -> checkpoints/ -> export -> model/
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filiberto import initial
from filiberto.config import (
    DEFAULT_TIME,
    Auto,
    Recipe,
    Size,
    Tracker,
    TrainConfig,
    parse_seconds,
)
from filiberto.console import readable_number, readable_seconds, say
from filiberto.errors import OtherRunError, TryAgainError
from filiberto.runfolder import manifest, safeio
from filiberto.runfolder.manifest import Manifest
from filiberto.train import boards

if TYPE_CHECKING:
    from filiberto.train.architecture import MaskedLM
    from filiberto.train.checkpoint import State
    from filiberto.train.job import Job
    from filiberto.train.loop import Validation

LivePrompt = Callable[["MaskedLM"], str]

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
    more: str | None = None,
    within: str | None = None,
    exact: bool = False,
    trackers: Sequence[Tracker] = (),
    on_saved: Callable[[], object] = lambda: None,
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
        more: time that a training gets on top of what it has left, finished or not; the learning
            rate climbs to where a plan of that length would have it.
        within: time in which a training is brought to its end, whatever its plan says.
        exact: refuse to go on where it would not come to the same bits.
        trackers: where it is shown beside TensorBoard; they may be others after a stop.
        on_saved: called after each checkpoint in the middle of the training.

    Returns:
        The manifest of `model/`.

    Raises:
        UsageError: a tracker is not installed.
        UnfinishedStageError: there are no finished tokens, or no training to give other time to.
        OtherRunError: a training with other settings is there.
        BadDataError: the text is shorter than a row.
        StateError: tokenizer and shards disagree, or no checkpoint is whole.
        TryAgainError: a signal stopped it after saving.
        InexactError: it would go on in other surroundings than it began in, but must be exact.
    """
    settings = settings or TrainConfig()
    boards.require(trackers)
    inputs = {
        "tokens": manifest.require(run, "tokens").content,
        "tokenizer": manifest.require(run, "tokenizer").files["tokenizer.json"],
    }
    given = initial.of(run)
    if given:
        inputs[initial.INITIAL] = given.content
    asked = _of_consequence(settings, size=size, seed=seed, time=time)
    done = None
    if more is None:
        done = manifest.finished_as_asked(run, "model", settings=asked, inputs=inputs, force=force)
    if done:
        return done
    from filiberto.train import hardware
    from filiberto.train.distributed import process_group
    from filiberto.train.export import export
    from filiberto.train.plan import training_seconds
    from filiberto.train.prepare import prepared

    fingerprint = manifest.fingerprint("train", settings=asked, inputs=inputs)
    machine = hardware.hardware_for(settings)
    with process_group(device=machine.device) as ranks:
        if ranks.writes:
            _check_way(run, fingerprint=fingerprint, force=force)
        job = prepared(
            run,
            settings=settings,
            size=size,
            seconds=training_seconds(time, elapsed=elapsed, reports=1 + bool(given)),
            seed=seed,
            key=fingerprint,
            force=force,
            left=_time_left(more, within, elapsed=elapsed),
            exact=exact,
            machine=machine,
            ranks=ranks,
        )
        facts = _train(
            job,
            run,
            fingerprint=fingerprint,
            checkpoint_seconds=parse_seconds(checkpoint_every),
            language=language,
            live_prompt=live_prompt,
            trackers=trackers,
            exact=exact,
            on_saved=on_saved,
        )
        if ranks.writes:
            export(job, run, settings=asked, inputs=inputs, facts=facts, language=language)
        ranks.wait()
    return manifest.require(run, "model")


def run(
    recipe: Recipe,
    run: Path,
    *,
    force: bool = False,
    elapsed: float = 0.0,
    more: str | None = None,
    within: str | None = None,
    exact: bool = False,
    on_saved: Callable[[], object] = lambda: None,
) -> Manifest:
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
        more=more,
        within=within,
        exact=exact,
        trackers=recipe.trackers,
        on_saved=on_saved,
    )
    say(summary(done))
    return done


def summary(done: Manifest) -> str:
    """The training in one line."""
    from filiberto.train.plan import Plan

    facts, plan = done.facts, Plan.of(done.facts["plan"])
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
    newest = checkpoint.newest_state(folder)
    if newest is not None and newest.fingerprint != fingerprint:
        raise OtherRunError(
            f"{folder} holds a training with other settings or other tokens",
            hint=f"take another folder; give it more time: filiberto train {run} --more 1h; "
            f"or throw it away: filiberto train {run} --force, with the settings you want",
        )


def _time_left(
    more: str | None, within: str | None, *, elapsed: float
) -> Callable[[float], float] | None:
    """From the seconds that a training has left to those it is to have; None keeps them."""
    from filiberto.train.plan import training_seconds

    if more is not None:
        added = training_seconds(more, elapsed=elapsed)
        return lambda left: left + added
    if within is not None:
        seconds = training_seconds(within, elapsed=elapsed)
        return lambda left: seconds
    return None


def _train(
    job: Job,
    run: Path,
    *,
    fingerprint: str,
    checkpoint_seconds: float,
    language: str,
    live_prompt: LivePrompt | None,
    trackers: Sequence[Tracker],
    exact: bool,
    on_saved: Callable[[], object],
) -> dict[str, Any]:
    import torch
    from safetensors import SafetensorError

    from filiberto.train import loop, prepare
    from filiberto.train.export import export_unfinished
    from filiberto.train.job import in_less_memory
    from filiberto.train.watch import StuckError

    job, state = prepare.taken_up(job, run, fingerprint=fingerprint, exact=exact)
    results: list[Validation] = []

    def on_validation(result: Validation) -> str:
        results.append(result)
        return live_prompt(job.model) if live_prompt else ""

    def on_checkpoint(state: State) -> None:
        facts = _facts(job, state, results[-1] if results else None)
        try:
            export_unfinished(job, run, facts=facts, language=language)
        except (OSError, SafetensorError) as error:
            say(f"{run / 'model'} could not be written: {error}; training goes on")
        on_saved()

    try:
        while True:
            try:
                state = loop.train_loop(
                    job,
                    run,
                    state=state,
                    checkpoint_seconds=checkpoint_seconds,
                    on_validation=on_validation,
                    on_checkpoint=on_checkpoint,
                    trackers=trackers,
                )
                break
            except StuckError as stuck:
                job, state = prepare.begun_again(job, run, stuck=stuck.state)
    except torch.OutOfMemoryError:
        # Of several processes one alone cannot go on with less: all begin again from the plan.
        less = in_less_memory(job)
        prepare.no_longer_exact(run)
        prepare.write_plan(run, less.plan, key=fingerprint)
        raise TryAgainError(
            f"out of memory with {job.plan.micro_rows} rows at once; the plan is changed to "
            f"{less.plan.micro_rows}",
            hint=f"go on: filiberto resume {run}",
        ) from None
    # None where the last step was taken, and its validation made, before a stop.
    return _facts(job, state, results[-1] if results else loop.validate(job))


def _facts(job: Job, state: State, result: Validation | None) -> dict[str, Any]:
    """What a training has come to after the steps of a state."""
    done = dataclasses.replace(job.plan, max_steps=state.step)
    return {
        "plan": asdict(done),
        "tokens": done.train_tokens,
        "seconds": round(state.seconds, 1),
        "validation_loss": None if result is None else result.loss,
        "validation_accuracy": None if result is None else result.accuracy,
        "exact": state.exact and job.exact,
    }
