"""`ser store`: what was computed once and is kept."""

import logging
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from ser.commands.shards import read_shard
from ser.store.upkeep import Kept, choose, damaged, kept, remove, tidy

EXAMPLES = """\b
Examples:
  ser store list
  ser store verify
  ser store prune --older-than 30
  ser store prune frames-0123456789abcdef --store /big/disk/store
  ser store fill feature=wavlm model=linear corpus=ravdess
  ser store fill feature=wavlm model=linear corpus=ravdess --shard 3/64

docs/store.md tells what is kept, docs/many-machines.md how many fill it."""

store_folder = click.option(
    *("--store", "folder"), type=click.Path(path_type=Path), default="data/store", show_default=True, help="Its folder."
)


@click.group("store", epilog=EXAMPLES)
def command() -> None:
    """List, check, free, or fill what the store keeps: audio as it was read, and frozen features."""


@command.command("list", epilog=EXAMPLES)
@store_folder
def list_kept(folder: Path) -> None:
    """List what is there, what was used last first."""
    _show(kept(folder))


@command.command("verify", epilog=EXAMPLES)
@store_folder
def verify(folder: Path) -> int:
    """Read every byte; exit code 1 if something is damaged."""
    there = kept(folder)
    bad = [path for one in there for path in damaged(one.folder)]
    for path in bad:
        print(f"{path} is damaged; the next run that needs it makes it again", file=sys.stderr)
    print(f"{sum(one.n_clips for one in there)} clips checked, {len(bad)} files damaged")
    return 1 if bad else 0


@command.command("prune", epilog=EXAMPLES)
@click.argument("names", nargs=-1)
@click.option("--older-than", type=float, metavar="DAYS", help="What was not used for so long.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--yes", "sure", is_flag=True, help="Do not ask.")
@store_folder
def prune(names: tuple[str, ...], older_than: float | None, everything: bool, sure: bool, folder: Path) -> int:
    """Throw away, after asking, and what killed runs have left in the rest.

    NAMES are those that list shows.
    """
    if not (names or older_than is not None or everything):
        raise click.UsageError("say what shall go: names, --older-than DAYS, or --all.")
    there = kept(folder)
    chosen = choose(there, names, older_than)
    for one in there:
        tidy(one.folder)
    if not chosen:
        print("nothing is there that was not used for so long")
        return 0
    _show(chosen)
    if not sure:
        print(f"throw away {sum(one.n_bytes for one in chosen) / 1e6:.1f} MB? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("nothing was thrown away")
            return 1
    busy = [one for one in chosen if not remove(one.folder)]
    for one in busy:
        print(f"{one.folder} stays: a run is computing what it holds", file=sys.stderr)
    print(f"{sum(one.n_bytes for one in chosen if one not in busy) / 1e6:.1f} MB are free")
    return 1 if busy else 0


@command.command("fill", epilog=EXAMPLES)
@click.argument("overrides", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--shard", metavar="K/N", help="Only the K-th of N parts of the corpus; others may be at work elsewhere.")
def fill(overrides: tuple[str, ...], shard: str | None) -> None:
    """Fill it before a training, which then finds all there; killed, the same command goes on.

    Settings are those of the training, see ser train --help; paths.store=FOLDER names another store.
    """
    part = read_shard(shard)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from ser.commands.filling import fill as fill_store  # it imports torch, which takes seconds

    fill_store(overrides, *part)


def _show(there: Sequence[Kept]) -> None:
    """Print a line for each."""
    width = max((len(one.folder.name) for one in there), default=0)
    for one in there:
        used = datetime.fromtimestamp(one.last_used)
        size = f"{one.n_clips:6} clips  {one.n_bytes / 1e6:8.1f} MB"
        print(f"{one.folder.name:{width}}  {size}  used {used:%Y-%m-%d}  {one.about}")
    if not there:
        print("nothing is there")
