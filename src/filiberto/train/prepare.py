"""Before the first step: a plan, new or kept or revised, a model, and where a stopped one was.

tokens/, settings, machine, plan.json, checkpoints/  ->  job, state
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from filiberto import initial
from filiberto.config import Auto, Size, TrainConfig
from filiberto.console import readable_number, say
from filiberto.errors import InexactError, StateError, UnfinishedStageError, UsageError
from filiberto.runfolder import manifest, safeio, store
from filiberto.tokens import token_bytes
from filiberto.tokens.stream import open_stream
from filiberto.train import checkpoint, flops, hardware, plan, records, speed
from filiberto.train.checkpoint import State
from filiberto.train.cooccurrence import give_embeddings
from filiberto.train.distributed import Ranks
from filiberto.train.forecast import Place, Text, foresee, lines
from filiberto.train.hardware import Hardware
from filiberto.train.job import Job, new_job
from filiberto.train.plan import Plan

PLAN, ENVIRONMENT = "plan.json", "environment.json"
_DELETE = "delete it and run again"

# Where the speed decides the number of steps, and where it only tells the time left.
_MEASURE_SECONDS, _GLANCE_SECONDS = 5.0, 1.0

# Of a split, for how frequent a token is.
_COUNTED_TOKENS, _PART_TOKENS = 8_000_000, 8_192


def prepared(
    run: Path,
    *,
    settings: TrainConfig,
    size: Size | Auto,
    seconds: float,
    seed: int,
    key: str,
    force: bool,
    left: Callable[[float], float] | None,
    exact: bool,
    machine: Hardware,
    ranks: Ranks,
) -> Job:
    """Open the tokens, fix the plan and make a model with its first weights.

    Only when all that has gone well is an earlier training thrown away, if so forced.

    Args:
        run: the run folder.
        settings: all but the size.
        size: a published size, or 'auto'.
        seconds: for a training that begins.
        seed: of weights, order and masks.
        key: the fingerprint of the training.
        force: throw an earlier training away.
        left: from the seconds that a training has left to those it is to have; None keeps them.
        exact: refuse to go on where it would not come to the same bits.
        machine: where it runs.
        ranks: the processes that train together.

    Raises:
        UnfinishedStageError: the time of a training is to be changed that has not begun.
        InexactError: it would go on in other surroundings than it began in, but must be exact.
    """
    if exact and plan.is_timed(settings):
        raise UsageError(
            "--exact needs an end in steps: by the clock no two trainings take the same",
            hint="end it by --train.max-steps or --train.epochs",
        )
    environment = {**hardware.environment(machine), "processes": ranks.size}
    hardware.keep_freed_memory()
    kept = None if force else _read_plan(run / PLAN, key=key)
    if kept is None and left is not None:
        raise UnfinishedStageError(
            f"{run} holds no training to go on with", hint=f"begin one: filiberto train {run}"
        )
    chosen = (
        kept.size
        if kept
        else _chosen(run, size, settings, seconds=seconds, machine=machine, ranks=ranks)
    )
    parts = {"settings": settings, "size": chosen, "machine": machine, "seed": seed}
    job = new_job(run, **parts, slowed=kept.slowed if kept else 0, ranks=ranks)
    if kept is None:
        fixed = measured_plan(job, settings=job.settings, seconds=seconds)
        plan_lost = bool(store.by_step(run / "checkpoints")) and not force
        same = not plan_lost or _is_as_before(run, environment, ["plan"], exact=exact)
    else:
        if left is not None:
            kept = _revised(run, kept, settings, left=left)
        fixed = plan.moved(kept, settings, device=machine.device, precision=machine.precision)
        other = [] if fixed.micro_rows == kept.micro_rows else ["micro-batch"]
        same = _is_as_before(run, environment, other, exact=exact)
    ranks.wait()  # all have read what one now writes
    if ranks.writes:
        if force:
            _throw_away(run)
        # Before the plan: where there is one it is known in what surroundings.
        safeio.write_json(run / ENVIRONMENT, environment | {"exact": same})
        if kept is None:
            write_plan(run, fixed, key=key)
        elif left is not None:
            _write_revised(run, kept, key=key)
    ranks.wait()
    if kept is None:
        fixed = _read_plan(run / PLAN, key=key) or fixed  # that of the one that writes
        job = new_job(run, **parts, ranks=ranks)
    text = _text(run, fixed)
    if kept is None:
        _tell(fixed, text, job.settings, machine)
    else:
        say(plan.describe(fixed))
    return dataclasses.replace(
        job,
        plan=fixed,
        course=fixed.course,
        full_speed=flops.full_speed(job),
        unigram_loss=text.unigram_loss,
        token_bytes=text.token_bytes,
        # A GPU adds in an order of its own, and a clock ends where it ends.
        exact=same and machine.device == "cpu" and fixed.time_seconds is None,
    )


def _text(run: Path, plan: Plan) -> Text:
    tokens = manifest.require(run, "tokens")
    return Text(
        documents=tokens.facts["train"]["documents"],
        tokens=plan.text_tokens,
        token_bytes=token_bytes(tokens),
        vocab_size=plan.vocab_size,
        exact=True,
        unigram_loss=unigram_loss(run),
    )


def _tell(plan: Plan, text: Text, settings: TrainConfig, machine: Hardware) -> None:
    seconds = plan.seconds if plan.ends_early else plan.time_seconds or plan.seconds
    hours = seconds / 3_600
    place = Place.of(machine)
    for line in lines(foresee(plan, text, settings, place=place, speed="measured", hours=hours)):
        say(line)


def _chosen(
    run: Path,
    wanted: Size | Auto,
    settings: TrainConfig,
    *,
    seconds: float,
    machine: Hardware,
    ranks: Ranks,
) -> Size:
    rate = 1.0
    if wanted == "auto" and initial.of(run) is None:
        # Measured by all, and the first one's for all, or they might choose different sizes.
        rate = float(ranks.of_the_first(round(flops.rate_of(machine) / 1e6), machine.device)) * 1e6
    stream = open_stream(run / "tokens", split="train")
    return plan.choose_size(
        wanted,
        settings,
        seconds=seconds,
        vocab_size=stream.header["vocab_size"],
        text_tokens=len(stream),
        device=machine.device,
        precision=machine.precision,
        rate=rate,
    )


def unigram_loss(run: Path) -> float:
    """What guessing validation tokens by their frequency in training costs, in nats a token."""
    counts = []
    for split in ("train", "validation"):
        stream = open_stream(run / "tokens", split=split)
        parts = stream.parts(most=_COUNTED_TOKENS, length=_PART_TOKENS)
        found = stream.counts(parts).astype(float)
        found[list(stream.header["special_ids"].values())] = 0
        counts.append(found)
    train, validation = counts
    likely = (train + 1) / (train + 1).sum()
    return float(-(validation / validation.sum() * np.log(likely)).sum())


def _revised(
    run: Path, kept: Plan, settings: TrainConfig, *, left: Callable[[float], float]
) -> Plan:
    state = checkpoint.newest_state(run / "checkpoints")
    step = state.step if state else 0
    spent = max(state.seconds if state else 0.0, records.last_seconds(run))
    end = state.course.max_steps if state and state.course else kept.max_steps
    if kept.time_seconds is not None:
        before = kept.time_seconds - spent
    else:
        before = (end - step) * kept.batch_tokens / kept.tokens_per_second
    seconds = left(max(0.0, before) if step < end else 0.0)
    return plan.revised(kept, settings, seconds=seconds, at_step=step, spent_seconds=spent)


def _write_revised(run: Path, revised: Plan, *, key: str) -> None:
    """From here on model and report are those of a training that goes on."""
    write_plan(run, revised, key=key)
    for name in ("model", "report"):
        (run / name / manifest.MANIFEST).unlink(missing_ok=True)


def _is_as_before(run: Path, environment: dict[str, Any], other: list[str], *, exact: bool) -> bool:
    """Whether a training still is what it would have been without a stop; it is told where not.

    Args:
        run: the run folder.
        environment: now.
        other: what else is known to differ.
        exact: refuse where it does not.
    """
    before = _read_environment(run)
    other = [key for key in environment if environment[key] != before.get(key)] + other
    if other:
        reason = f"going on with another {', '.join(other)}"
    elif not before.get("exact", True):
        reason = "it went on in other surroundings than it began in"
    else:
        return True
    if exact:
        _refuse(run, reason)
    say(f"{reason}: right, but no longer bit-exact")
    return False


def _refuse(run: Path, reason: str) -> NoReturn:
    raise InexactError(
        f"{run} would not come to the same bits: {reason}",
        hint="go on where and how it began, or without --exact",
    )


def _read_environment(run: Path) -> dict[str, Any]:
    try:
        return safeio.read_json(run / ENVIRONMENT, hint=_DELETE)
    except FileNotFoundError:
        return {}


def no_longer_exact(run: Path) -> None:
    """Write down that the training will not come to the bits it would have come to."""
    safeio.write_json(run / ENVIRONMENT, _read_environment(run) | {"exact": False})


def measured_plan(job: Job, *, settings: TrainConfig, seconds: float) -> Plan:
    """The plan of a job whose weights may be used up, its speed and micro-batches tried here."""
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
        shape=draft.shape,
        vocab_size=draft.vocab_size,
        text_tokens=draft.text_tokens,
        seconds=seconds,
        tokens_per_second=tokens_per_second,
        peak_lr=draft.peak_lr,
        device=draft.device,
        precision=draft.precision,
    )
    return dataclasses.replace(made, micro_rows=micro_rows, parameters=draft.parameters)


def _throw_away(run: Path) -> None:
    """Remove a training and its model, so that a stop leaves nothing that looks finished."""
    made = ("model", "checkpoints", records.METRICS, records.TIMINGS, records.DIVERGED, PLAN)
    for name in made:
        safeio.remove(run / name)


def taken_up(job: Job, run: Path, *, fingerprint: str, exact: bool) -> tuple[Job, State]:
    """The training as its newest checkpoint left it, or from the beginning.

    Raises:
        InexactError: it has not come so far as it would have without a stop, but must be exact.
    """
    state = checkpoint.load_newest(
        run / "checkpoints", model=job.model, optimizers=job.optimizers, fingerprint=fingerprint
    )
    if state is None:
        seconds = give_embeddings(job, run)
        return job, checkpoint.State(step=0, fingerprint=fingerprint, seconds=seconds)
    if state.scaler:
        job.scaler.load_state_dict(state.scaler)
    if exact and not state.exact:
        _refuse(run, "it ran out of memory, or went on elsewhere, before its last checkpoint")
    if job.plan.time_seconds is not None:
        # Where time ends the training, steps that were lost have cost it too.
        lost = records.last_seconds(run)
        state = dataclasses.replace(state, seconds=max(state.seconds, lost))
    plan, course = job.plan, state.course or job.course
    if plan.revised_at is not None and state.step <= plan.revised_at:
        course = course.extended_to(plan.max_steps, at=state.step, warmup_steps=plan.warmup_steps)
    if state.step:
        say(f"going on after step {state.step:,} of {course.max_steps:,}")
    return dataclasses.replace(job, course=course), state


def begun_again(job: Job, run: Path, *, stuck: State) -> tuple[Job, State]:
    """A stuck training from its first weights once more, with a quarter of its learning rates.

    Where time ends it, what is gone is gone.
    """
    before = job.plan
    slowed = before.slowed + 1
    fresh = new_job(
        run,
        settings=job.settings,
        size=before.size,
        machine=job.machine,
        seed=job.seed,
        slowed=slowed,
        ranks=job.ranks,
    )
    peak_lr, fresh = fresh.plan.peak_lr, dataclasses.replace(fresh, plan=before)
    seconds = stuck.seconds + give_embeddings(fresh, run)
    steps = before.max_steps
    if before.time_seconds is not None:
        left = max(0.0, before.time_seconds - seconds)
        steps = max(1, round(left * stuck.step / stuck.seconds))
        steps = min(steps, before.most_steps or steps)
    fixed = dataclasses.replace(
        before,
        slowed=slowed,
        peak_lr=peak_lr,
        max_steps=steps,
        warmup_steps=plan.warmup_steps_of(steps, job.settings),
        revised_at=None,
        **plan.intervals(job.settings, steps=steps),
    )
    say(
        f"stuck: a loss of {job.unigram_loss:.2f} is what guessing by frequency alone gives, "
        "whatever stands around the hole. Beginning again with a quarter of the learning rates: "
        f"{fixed.peak_lr:.2g} for AdamW, {steps:,} steps"
    )
    job.ranks.wait()
    if job.ranks.writes:
        data = safeio.read_json(run / PLAN, hint=_DELETE)
        safeio.remove(run / "checkpoints")  # before the plan that they do not belong to
        write_plan(run, fixed, key=data["fingerprint"])
    job.ranks.wait()
    state = checkpoint.State(step=0, fingerprint=stuck.fingerprint, seconds=seconds)
    return (
        dataclasses.replace(
            fresh,
            plan=fixed,
            course=fixed.course,
            full_speed=job.full_speed,
            unigram_loss=job.unigram_loss,
            token_bytes=job.token_bytes,
            exact=job.exact,
        ),
        state,
    )


def write_plan(run: Path, plan: Plan, *, key: str) -> None:
    """Write down what will be done, so that a training that was stopped does the same."""
    safeio.write_json(run / PLAN, {"fingerprint": key, **asdict(plan)})


def _read_plan(path: Path, *, key: str) -> Plan | None:
    """The plan of this very training, if it was made before."""
    try:
        data = safeio.read_json(path, hint=_DELETE)
        return Plan.of(data) if data.pop("fingerprint") == key else None
    except FileNotFoundError:
        return None
    except (TypeError, KeyError) as error:
        raise StateError(f"{path} is damaged: {error}", hint=_DELETE) from None
