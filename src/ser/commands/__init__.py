"""Everything that a person types: the command `ser`, its sub-commands, and what becomes of a mistake."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from ser.commands.terminal import check_words, show_every_name
from ser.errors import SerError

EXAMPLES = """\b
Examples:
  ser train                                   # needs no data
  ser fetch ravdess
  ser train corpus=ravdess split.fold=all     # every clip tested once
  ser train -m model.depth=10,18 seed=0,1     # a run for each combination
  ser compare outputs --html page.html

ser COMMAND --help explains one of them, with examples."""


class _Commands(click.Group):
    """Sub-commands in the order in which they are added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class _Later(click.Command):
    """A sub-command such as `find-lr`, that is the `command` of `ser.commands.find_lr`: imported when it is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        command: click.Command = import_module(f"{__name__}.{str(self.name).replace('-', '_')}").command
        return command.make_context(info_name, args, parent, **extra)


class _Train(click.Command):
    """`ser train`: its words are Hydra's, but for `--help`."""

    def get_help(self, ctx: click.Context) -> str:
        from ser.commands.help import page

        return page()


@click.group("ser", cls=_Commands, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
def _ser() -> None:
    """Train speech emotion recognisers, compare them, and look after what they need."""


@_ser.command(
    "train",
    cls=_Train,
    short_help="Train a recogniser, test it, and report.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def _train(words: tuple[str, ...]) -> None:
    from ser.commands.train import main  # it imports Hydra, which takes a while

    sys.argv = ["ser train", *words]
    main()


for _name, _does in {
    "explore": "Look at a corpus before training on it.",
    "compare": "Lay runs side by side: table, intervals, tests.",
    "report": "Make the page of a run again.",
    "ensemble": "Put runs together: the mean of their probabilities.",
    "evaluate": "Test a trained run on another corpus.",
    "cross": "Runs on several corpora, each tested on all of them.",
    "robustness": "Test a run under noise, over a telephone, in a room.",
    "predict": "Name the emotions of recordings with a trained model.",
    "live": "Name the emotion of whoever speaks, while they speak.",
    "demo": "Try trained models on a page in the browser.",
    "serve": "Answer recordings over HTTP.",
    "export": "Write a trained model for other programs, such as ONNX.",
    "push": "Put a trained model onto the Hugging Face hub.",
    "fetch": "Download a corpus or a pretrained encoder.",
    "store": "List, check, free, or fill what is computed once and kept.",
    "listen": "Hear and see what an augmentation does.",
    "find-lr": "Find a learning rate for a configuration.",
    "wandb-report": "Make a report of a sweep on the W&B server.",
}.items():
    _ser.add_command(_Later(_name, short_help=_does))


def main(words: Sequence[str] | None = None) -> int:
    """Do what `words` say; None: those of the command line.

    Returns:
        the exit code: 0 done, 1 a mistake that its message explains, 2 an option that is wrong, 130 Ctrl-C.
    """
    show_every_name()
    try:
        words = sys.argv[1:] if words is None else words
        check_words(words)
        code = _ser.main(words, prog_name="ser", standalone_mode=False)
        sys.stdout.flush()
        return code or 0
    except click.exceptions.NoArgsIsHelpError as nothing:
        print(nothing.format_message(), file=sys.stderr)
        return nothing.exit_code
    except click.UsageError as mistake:
        command = mistake.ctx.command_path if mistake.ctx else "ser"
        print(f"{command}: {mistake.format_message()} See {command} --help", file=sys.stderr)
        return mistake.exit_code
    except SerError as error:
        print(error, file=sys.stderr)
        return 1
    except click.Abort:  # Ctrl-C
        return 130
    except BrokenPipeError:  # whom it was told to has gone, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
