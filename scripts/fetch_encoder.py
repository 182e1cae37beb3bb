"""Fetch a pretrained encoder into a folder: see docs/encoders.md, or `python scripts/fetch_encoder.py --help`."""

import argparse
import logging
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from ser.encoders import Description, SpeechEncoder, fetch
from ser.encoders.description import CONFIG, EXTRACTOR
from ser.encoders.weights import SAFE, weight_files
from ser.errors import EncoderError, SerError

DESCRIPTION = """\
Fetch a pretrained speech encoder from the Hugging Face hub into a folder, for a
machine without network. The folder holds config.json, preprocessor_config.json
and the weights as safetensors; point at it with feature.checkpoint=FOLDER."""

EXAMPLES = """\
examples:
  python scripts/fetch_encoder.py facebook/wav2vec2-base encoders/wav2vec2-base
  python scripts/fetch_encoder.py microsoft/wavlm-large encoders/wavlm-large"""


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("id", help="on the hub (owner/name), or a folder whose pickled weights are to be converted")
    parser.add_argument("folder", type=Path, help="where to; it must not exist yet")
    parser.add_argument("--revision", help="branch, tag or commit on the hub (default: main)")
    parser.add_argument(
        "--allow-pickle", action="store_true", help="read pickled weights where there are no others, and convert them"
    )
    arguments = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        refuse_existing(arguments.folder)
        source = fetch(arguments.id, arguments.revision, allow_pickle=arguments.allow_pickle)
        put(source, arguments.folder, allow_pickle=arguments.allow_pickle)
    except SerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"{arguments.folder} holds {arguments.id}; train with it:")
    print(f"  python train.py feature=wav2vec {shlex.quote(f'feature.checkpoint={arguments.folder}')}")
    return 0


def refuse_existing(folder: Path) -> None:
    """Refuse to write over something."""
    if folder.exists():
        raise EncoderError(f"{folder} exists; name another folder, nothing was changed")


def put(source: Path, folder: Path, *, allow_pickle: bool) -> None:
    """Copy an encoder to `folder`, its weights as safetensors; it is there whole or not at all.

    Raises:
        EncoderError: the encoder cannot be used, or the folder cannot be written.
    """
    Description.read(source)
    weights = weight_files(source, allow_pickle=allow_pickle)
    beside = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        if weights[0].suffix == ".safetensors":
            for file in [*weights, *source.glob(f"{SAFE}.index.json"), source / CONFIG]:
                shutil.copyfile(file, beside / file.name)
        else:
            SpeechEncoder.load(source, allow_pickle=True)  # refuses what cannot be used
            tensors = {}
            for file in weights:
                tensors |= torch.load(file, map_location="cpu", weights_only=True)
            # Copies, for a safetensors file has no room for two names of one tensor.
            save_file({name: tensor.clone() for name, tensor in tensors.items()}, beside / SAFE, {"format": "pt"})
            shutil.copyfile(source / CONFIG, beside / CONFIG)
        shutil.copyfile(source / EXTRACTOR, beside / EXTRACTOR)
        SpeechEncoder.load(beside)  # so that what is put there is known to work
        beside.chmod(0o755)
        beside.rename(folder)
    except OSError as error:
        raise EncoderError(
            f"{folder}: cannot be written ({error.strerror or error}); free space, or name another folder"
        ) from None
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
