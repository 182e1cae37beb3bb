"""Fetch a corpus as its authors released it: see docs/download.md, or `python scripts/fetch_corpus.py --help`."""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from ser.corpora.ravdess import Ravdess
from ser.errors import SerError

CORPORA = {"ravdess": Ravdess}

DESCRIPTION = """\
Download a corpus and unpack it into a folder.

  ravdess   1440 clips of speech, 208 MB to download, 800 MB of disk meanwhile
            licence CC BY-NC-SA 4.0, https://zenodo.org/records/1188976

When it was interrupted, the same command goes on where it stopped."""

EXAMPLES = """\
examples:
  python scripts/fetch_corpus.py ravdess
  python scripts/fetch_corpus.py ravdess /big/disk/ravdess"""


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", choices=CORPORA, help="what to fetch")
    parser.add_argument("folder", nargs="?", type=Path, help="where to (default: data/<corpus>)")
    arguments = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = arguments.folder or Path("data") / arguments.corpus
    try:
        fetched = CORPORA[arguments.corpus](folder).fetch_release()
    except SerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # what is kept was said
    override = shlex.quote(f"corpus.root={folder}")
    print(f"{folder} holds {arguments.corpus}{'' if fetched else ' already: nothing to do'}; train with it:")
    print(f"  python train.py corpus={arguments.corpus} {override}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
