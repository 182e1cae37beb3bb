"""What the store keeps: see docs/store.md, or `python scripts/store.py --help`."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ser.errors import SerError
from ser.store.upkeep import Kept, choose, damaged, kept, remove, tidy

EXAMPLES = """\
examples:
  python scripts/store.py list
  python scripts/store.py verify
  python scripts/store.py prune --older-than 30
  python scripts/store.py prune frames-0123456789abcdef --store /big/disk/store"""


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="List, check, or free what the store keeps: audio as it was read, and frozen features.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--store", type=Path, default=Path("data/store"), help="its folder (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[shared], help="what is there, what was used last first")
    commands.add_parser("verify", parents=[shared], help="read every byte; exit code 1 if something is damaged")
    pruning = commands.add_parser("prune", parents=[shared], help="throw away, after asking")
    pruning.add_argument("names", nargs="*", help="what shall go, by the name that list shows")
    pruning.add_argument("--older-than", type=float, metavar="DAYS", help="what was not used for so long")
    pruning.add_argument("--all", action="store_true", help="everything")
    pruning.add_argument("--yes", action="store_true", help="do not ask")
    given = parser.parse_args(words)
    if given.command == "prune" and not (given.names or given.older_than is not None or given.all):
        pruning.error("say what shall go: names, --older-than DAYS, or --all")
    try:
        there = kept(given.store)
        if given.command == "prune":
            return prune(there, choose(there, given.names, given.older_than), given.yes)
        return show(there) if given.command == "list" else verify(there)
    except SerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def show(there: Sequence[Kept]) -> int:
    """Print a line for each."""
    width = max((len(one.folder.name) for one in there), default=0)
    for one in there:
        used = datetime.fromtimestamp(one.last_used)
        size = f"{one.n_clips:6} clips  {one.n_bytes / 1e6:8.1f} MB"
        print(f"{one.folder.name:{width}}  {size}  used {used:%Y-%m-%d}  {one.about}")
    if not there:
        print("nothing is there")
    return 0


def verify(there: Sequence[Kept]) -> int:
    """Print what is damaged."""
    bad = [path for one in there for path in damaged(one.folder)]
    for path in bad:
        print(f"{path} is damaged; the next run that needs it makes it again", file=sys.stderr)
    print(f"{sum(one.n_clips for one in there)} clips checked, {len(bad)} files damaged")
    return 1 if bad else 0


def prune(there: Sequence[Kept], chosen: Sequence[Kept], sure: bool) -> int:
    """Throw away what was chosen, and what killed runs have left in the rest."""
    for one in there:
        tidy(one.folder)
    if not chosen:
        print("nothing is there that was not used for so long")
        return 0
    show(chosen)
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


if __name__ == "__main__":
    sys.exit(main())
