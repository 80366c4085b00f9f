"""What `filiberto --help` says."""

from __future__ import annotations

from filiberto import __version__

HELP = f"""\
filiberto {__version__}: a BERT for your language, from your text, on your hardware

  filiberto run                     the demonstration: generated Italian, a few minutes
  filiberto run RUN --text FILES    the whole road, from your text to a model and its report
  filiberto run RUN --language te   the same with open text for a language, from the Hub

  filiberto plan RUN --text FILES   what `run` would do: size, time, memory, expected loss

one stage of a run:
  filiberto corpus RUN --text FILES   read and clean text, drop duplicates, set validation apart
  filiberto tokenizer RUN             learn a vocabulary
  filiberto tokens RUN                turn the text into shards of token ids
  filiberto train RUN                 train, or go on where a stopped training was
  filiberto evaluate RUN              the report: figures, prompts, and others to compare with

a run that was stopped, or that you want otherwise:
  filiberto resume RUN                go on, here or from a backup on another machine
  filiberto train RUN --more 2h       train longer, also when it is finished
  filiberto finish RUN --within 10m   learning rate to zero, model and report within that time

a finished run:
  filiberto fill RUN "ciao <mask> va?"    fill holes: <mask> is one token, ___ one word
  filiberto prompts RUN                   a page on which a native speaker marks the filled prompts
  filiberto tune RUN train.conllu         a tagger for words, to keep (parts of speech, names)
  filiberto export RUN --onnx             for onnxruntime and browsers, in fp32 and int8
  filiberto export RUN --page FOLDER      a page that runs the model in its reader's browser
  filiberto serve RUN                     the same page here, with the model on this machine
  filiberto look RUN [STAGE]              what lies at each stop of the road
  filiberto publish RUN --to OWNER/NAME   put model, card and report on the Hub, private by default

  filiberto languages [te]          what there is for a language: open text, labels, encoders
  filiberto recipes                 the shipped recipes
  filiberto doctor                  what this machine can do, and what would help
  filiberto COMMAND --help          the settings of a command (run --help-all: of all stages)

RUN is a folder such as runs/it. Ctrl-C is always safe: run the same command again to go on."""


def description(command: str, *, shortened: bool = False) -> str:
    """What a command does, by its line of the help.

    Args:
        command: that takes a run.
        shortened: whether the settings that are shown are not all.
    """
    line = next(line for line in HELP.splitlines() if f"filiberto {command} RUN" in line)
    text = line.split("   ")[-1].strip()
    more = f"Every setting of every stage: filiberto {command} --help-all." if shortened else ""
    return f"{text[0].upper()}{text[1:]}. {more}".strip()
