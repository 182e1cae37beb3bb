"""Trained models on the Hugging Face hub."""

from pathlib import Path

from ser.errors import ModelError
from ser.inference.checkpoint import DESCRIPTION, ENCODER

HUB = "hf:"  # before the name of a model on the hub
FILES = (
    DESCRIPTION,
    "model*.safetensors",
    "README.md",
    f"{ENCODER}/*.json",
    f"{ENCODER}/*.safetensors",
)  # no others are fetched


def snapshot(name: str) -> Path:
    """The folder of a model on the hub, `user/name` or `user/name@revision`: downloaded, or kept from before.

    Raises:
        ModelError: there is no such model, or it cannot be fetched.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(FILES)))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{HUB}{name}: cannot be fetched from the hub ({reason}); check the name and the network"
        ) from None
