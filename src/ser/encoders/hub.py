"""Fetching an encoder's files from the Hugging Face hub."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ser.encoders.description import CONFIG, EXTRACTOR, PROCESSOR, check_kind, extractor_file, read_json
from ser.encoders.weights import PICKLED, SAFE, weight_files
from ser.errors import EncoderError
from ser.files import replacing

log = logging.getLogger("ser")

# The hub's own converter, whose pull requests add nothing but the safetensors of a model's pickled weights.
CONVERTER, CONVERSION = "SFconvertbot", "Adding `safetensors` variant of this model"

_SAFE_FILES = [SAFE, f"{SAFE}.index.json", "model-*-of-*.safetensors"]
_PICKLED_FILES = [PICKLED, f"{PICKLED}.index.json", "pytorch_model-*-of-*.bin"]


def fetch(checkpoint: str, revision: str | None, *, allow_pickle: bool = False) -> Path:
    """The folder with an encoder's configuration, that of its feature extractor, and its weights.

    What was fetched once is taken from the hub's cache, without asking the hub. Weights are taken as safetensors; where
    an id has none, from the pull request in which the hub's own converter offers them.

    Args:
        checkpoint: a folder, which is taken as it is, or a hub id.
        revision: branch, tag or commit on the hub; None: main.
        allow_pickle: whether pickled weights will do where there are no others.

    Raises:
        EncoderError: it cannot be had, or is no speech encoder that is known here.
    """
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise EncoderError(
                f"revision={revision} names a version on the hub, but {folder} is a folder; set it to null"
            )
        return folder
    if not re.fullmatch(r"[\w][\w.-]*(/[\w][\w.-]*)?", checkpoint) or folder.exists():
        raise EncoderError(f"{checkpoint}: there is no such folder, and it is no id on the hub (owner/name) either")
    with _asking(checkpoint, revision):
        return cached(checkpoint, revision, allow_pickle=allow_pickle) or _download(checkpoint, revision, allow_pickle)


def cached(checkpoint: str, revision: str | None, *, allow_pickle: bool = False) -> Path | None:
    """What was fetched from the hub before, if all of it is there; the hub is not asked. Arguments as of `fetch`."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    approved = _approved(checkpoint)
    conversion = [approved.read_text()] if revision is None and approved.is_file() else []
    for wanted in (revision, *conversion):
        try:
            names = [CONFIG, EXTRACTOR, PROCESSOR]
            folder = Path(snapshot_download(checkpoint, revision=wanted, allow_patterns=names, local_files_only=True))
            weight_files(folder, allow_pickle=allow_pickle)
            if (folder / CONFIG).is_file() and extractor_file(folder).is_file():
                return folder
        except (LocalEntryNotFoundError, EncoderError):
            continue
    return None


def _download(checkpoint: str, revision: str | None, allow_pickle: bool) -> Path:
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download

    for chatty in ("httpx", "httpx2"):  # a line for every request
        logging.getLogger(chatty).setLevel(logging.WARNING)
    files = HfApi().model_info(checkpoint, revision=revision).siblings or []
    names = {file.rfilename for file in files}
    if CONFIG not in names:
        raise EncoderError(f"{checkpoint}: holds no {CONFIG} on the hub; it was not made by transformers")
    config = read_json(Path(hf_hub_download(checkpoint, CONFIG, revision=revision)))
    check_kind(config, checkpoint)  # before its weights are fetched
    weights, conversion = _SAFE_FILES, None
    if not names.intersection(_SAFE_FILES):
        conversion = None if revision else _conversion(checkpoint)
        if conversion is not None:
            log.info("%s: weights from the hub's converter to safetensors (%s)", checkpoint, conversion)
            revision = conversion
        elif not names.intersection(_PICKLED_FILES):
            raise EncoderError(f"{checkpoint}: holds no weights on the hub that torch can read")
        elif not allow_pickle:
            raise EncoderError(
                f"{checkpoint}: the hub has its weights as a pickle alone; allow it to be read by torch's restricted"
                " loader (feature.allow_pickle=true, or model.allow_pickle=true), or name a revision with safetensors"
            )
        else:
            weights = _PICKLED_FILES
    log.info("fetching %s from the hub", checkpoint)
    folder = Path(
        snapshot_download(checkpoint, revision=revision, allow_patterns=[CONFIG, EXTRACTOR, PROCESSOR, *weights])
    )
    weight_files(folder, allow_pickle=allow_pickle)
    if conversion is not None:
        with replacing(_approved(checkpoint)) as beside:
            beside.write_text(folder.name)  # the commit
    return folder


def _approved(checkpoint: str) -> Path:
    """Where it is noted which commit of the converter's was fetched: others lie in the cache just so."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=checkpoint, repo_type="model"), "ser-conversion")


def _conversion(checkpoint: str) -> str | None:
    """The revision of the converter's pull request, if there is one."""
    from huggingface_hub import HfApi

    for discussion in HfApi().get_repo_discussions(checkpoint, author=CONVERTER, discussion_type="pull_request"):
        if discussion.author == CONVERTER and discussion.title == CONVERSION and discussion.status == "open":
            return str(discussion.git_reference)
    return None


@contextmanager
def _asking(checkpoint: str, revision: str | None) -> Iterator[None]:
    """Say in one message what went wrong on the hub or on the way."""
    from huggingface_hub import constants, errors
    from huggingface_hub.utils import httpx

    try:
        yield
    except errors.GatedRepoError:
        raise EncoderError(
            f"{checkpoint}: its owner wants you to agree to terms first: {constants.ENDPOINT}/{checkpoint}, then"
            " hf auth login"
        ) from None
    except errors.RevisionNotFoundError:
        raise EncoderError(f"{checkpoint}: the hub has no revision {revision} of it") from None
    except errors.RepositoryNotFoundError:
        raise EncoderError(
            f"{checkpoint}: there is no such folder, and no such id on the hub (or it is private: hf auth login)"
        ) from None
    except errors.HFValidationError:
        raise EncoderError(
            f"{checkpoint}: there is no such folder, and it is no id on the hub (owner/name) either"
        ) from None
    except (errors.LocalEntryNotFoundError, ConnectionError, httpx.TransportError):
        raise EncoderError(
            f"{checkpoint}: there is no such folder, nor a copy from the hub, and the hub cannot be reached; on a"
            f" machine with network, run ser fetch {checkpoint} FOLDER, bring FOLDER here, and"
            " set feature.checkpoint=FOLDER (or model.checkpoint=FOLDER)"
        ) from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        raise EncoderError(f"{checkpoint}: the hub answered {status}; try again later") from None
    except OSError as error:
        raise EncoderError(
            f"{checkpoint}: cannot be written to {constants.HF_HUB_CACHE} ({error.strerror or error}); free space, or"
            " set the environment variable HF_HOME to another folder"
        ) from None
