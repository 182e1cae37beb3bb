"""An encoder in a folder of its own, for a machine without network."""

import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from ser.encoders.description import CONFIG, Description, extractor_file
from ser.encoders.hub import fetch
from ser.encoders.speech import SpeechEncoder
from ser.encoders.weights import SAFE, weight_files
from ser.errors import EncoderError


def fetch_into(folder: Path, checkpoint: str, revision: str | None, *, allow_pickle: bool) -> None:
    """Put an encoder into `folder`, its weights as safetensors; it is there whole or not at all.

    Args:
        folder: where to; it must not exist yet.
        checkpoint, revision: as of `fetch`.
        allow_pickle: whether pickled weights are read, and converted, where there are no others.

    Raises:
        EncoderError: the encoder cannot be had or used, the folder exists, or it cannot be written.
    """
    if folder.exists():
        raise EncoderError(f"{folder} exists; name another folder, nothing was changed")
    source = fetch(checkpoint, revision, allow_pickle=allow_pickle)
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
            tensors: dict[str, torch.Tensor] = {}
            for file in weights:
                tensors |= torch.load(file, map_location="cpu", weights_only=True)
            # Copies, for a safetensors file has no room for two names of one tensor.
            save_file({name: tensor.clone() for name, tensor in tensors.items()}, beside / SAFE, {"format": "pt"})
            shutil.copyfile(source / CONFIG, beside / CONFIG)
        extractor = extractor_file(source)
        shutil.copyfile(extractor, beside / extractor.name)
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
