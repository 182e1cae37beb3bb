"""The files that hold an encoder's weights."""

import hashlib
from functools import cache
from pathlib import Path

from ser.encoders.description import CONFIG, extractor_file, read_json
from ser.errors import EncoderError

SAFE, PICKLED = "model.safetensors", "pytorch_model.bin"


def weight_files(folder: Path, *, allow_pickle: bool = False) -> list[Path]:
    """The files that hold the weights, safetensors where there are any.

    Raises:
        EncoderError: there are none, not all, a damaged one, or pickled ones that are not allowed.
    """
    for name in (SAFE, PICKLED):
        whole, index = folder / name, folder / f"{name}.index.json"
        if not whole.is_file() and not index.is_file():
            continue
        if name == PICKLED and not allow_pickle:
            raise EncoderError(
                f"{folder}: holds its weights as a pickle alone ({PICKLED}); allow it to be read by torch's restricted"
                " loader (feature.allow_pickle=true, or model.allow_pickle=true), or convert it:"
                f" ser fetch {folder} NEW_FOLDER --allow-pickle"
            )
        files = [whole]
        if not whole.is_file():
            shards = read_json(index).get("weight_map")
            files = [folder / shard for shard in sorted(set(shards.values()))] if isinstance(shards, dict) else []
        missing = [file.name for file in files if not file.is_file()]
        if missing or not files:
            raise EncoderError(
                f"{folder}: lacks {', '.join(missing) or 'what its index should name'}, a part of the weights; fetch it"
                " again"
            )
        if name == SAFE:
            for file in files:
                _check_safetensors(file)
        return files
    raise EncoderError(f"{folder}: holds no weights ({SAFE}); fetch it again, or name another folder")


def _check_safetensors(file: Path) -> None:
    """Refuse a file that is cut off: its header says how long it must be."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        raise EncoderError(f"{file}: is damaged ({error}); delete it and fetch it again") from None


def weights_digest(folder: Path, *, allow_pickle: bool = False) -> str:
    """Of the weights and configuration, 128 bits in hexadecimal.

    Raises:
        EncoderError: something is missing or damaged.
    """
    hashed = hashlib.blake2b(digest_size=16)
    for file in [folder / CONFIG, extractor_file(folder), *weight_files(folder, allow_pickle=allow_pickle)]:
        try:
            facts = file.stat()
            hashed.update(_file_digest(file, facts.st_size, facts.st_mtime_ns))
        except OSError as error:
            raise EncoderError(f"{file}: cannot be read ({error.strerror}); make it readable") from None
    return hashed.hexdigest()


@cache
def _file_digest(file: Path, size: int, mtime_ns: int) -> bytes:
    """Of a file's content, read once as long as its size and time stay."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "blake2b").digest()
