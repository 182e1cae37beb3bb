"""Lets torchaudio be imported beside a torch that its compiled extension does not fit.

The torchaudio wheel on PyPI is linked against CUDA. Beside a CPU-only torch, or one built for another CUDA, its
extension cannot be loaded, and `import torchaudio` fails (and `import transformers` with it). torchaudio itself can do
without the extension: only forced alignment and the RNN-T loss need it.
"""

import importlib.abc
import importlib.machinery
import logging
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

log = logging.getLogger("ser")

_EXTENSION = "torchaudio._extension"


def _unavailable(function: Any) -> Any:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"{function.__name__} needs torchaudio's compiled extension, which does not fit this torch")

    return fail


def _does_not_fit(error: Exception) -> bool:
    """Whether the library is there but cannot be loaded into this torch; any other fault is somebody's to mend."""
    if isinstance(error, OSError):
        return error.errno is None  # of the dynamic linker: a file that is missing or unreadable has a number
    return isinstance(error, RuntimeError) and "different CUDA versions" in str(error)


class _Loader(importlib.abc.Loader):
    """Runs the real extension module; where its library does not fit this torch, declares it absent."""

    def __init__(self, real: importlib.abc.Loader) -> None:
        self._real = real

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        try:
            self._real.exec_module(module)
        except (OSError, RuntimeError) as error:
            if not _does_not_fit(error):
                raise
            reason = str(error.__cause__ or error).splitlines()[0]  # torch says which file, the linker why
            log.info("torchaudio works without its compiled extension, which does not fit this torch: %s", reason)
            module._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
            module._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
            module._check_cuda_version = lambda: None  # type: ignore[attr-defined]
            module.fail_if_no_align = _unavailable  # type: ignore[attr-defined]


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _EXTENSION:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def make_optional() -> None:
    """Make a torchaudio extension that cannot be loaded count as absent. Costs nothing until torchaudio is imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
