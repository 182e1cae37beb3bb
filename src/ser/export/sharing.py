"""An exported model onto the Hugging Face hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ser.errors import ModelError
from ser.export.folder import CARD, files_of


def check_login(name: str) -> None:
    """Raise what `push` would raise of a name, and of who is logged in; at once."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import validate_repo_id

    with _said_once(name):
        validate_repo_id(name)
        HfApi().whoami()


def push(folder: Path, name: str, *, private: bool) -> str:
    """Upload an exported folder; gives the address of its page.

    Args:
        folder: as `export` writes it.
        name: `user/name`; made where there is none.
        private: whether a new one is seen by its owner alone.

    Raises:
        ModelError: nobody has logged in, the hub cannot be reached, or it refuses the card or the files.
    """
    from huggingface_hub import HfApi, ModelCard

    api = HfApi()
    with _said_once(name):
        ModelCard.load(folder / CARD).validate()
        api.create_repo(name, private=private, exist_ok=True)
        own = [file.relative_to(folder).as_posix() for file in files_of(folder)]
        api.upload_folder(repo_id=name, folder_path=folder, allow_patterns=own, commit_message="Exported by ser-lab")
    return f"{api.endpoint}/{name}"


@contextmanager
def _said_once(name: str) -> Iterator[None]:
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    try:
        yield
    except errors.LocalTokenNotFoundError:
        raise ModelError(f"{name}: nobody has logged in to the hub here; hf auth login") from None
    except (errors.HFValidationError, ValueError) as error:
        raise ModelError(f"{name}: the hub does not take it ({_first_line(error)})") from None
    except errors.HfHubHTTPError as error:
        raise ModelError(
            f"{name}: the hub refused it ({_first_line(error)}); check the name, and hf auth login"
        ) from None
    except (ConnectionError, httpx.TransportError, OSError) as error:
        raise ModelError(f"{name}: the hub cannot be reached ({_first_line(error)}); try again later") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
