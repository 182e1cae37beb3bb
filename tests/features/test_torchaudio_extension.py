"""What is imported once stays imported: so these imports are made in processes of their own."""

import importlib.util
import logging
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ser.features import torchaudio_extension

USE = """
import torch
frames = torchaudio.transforms.MelSpectrogram(16000, n_mels=16)(torch.rand(2, 4000))
assert frames.shape[:2] == (2, 16) and frames.isfinite().all() and frames.max() > 0
assert Wav2Vec2Model.__name__ == "Wav2Vec2Model"
if not torchaudio._extension._IS_ALIGN_AVAILABLE:
    try:
        torchaudio.functional.forced_align(torch.zeros(1, 5, 3), torch.ones(1, 2, dtype=torch.int32))
    except RuntimeError as error:
        assert "forced_align" in str(error) and "compiled extension" in str(error), error
    else:
        raise AssertionError("forced_align ran without its extension")
"""


def test_transformers_and_torchaudio_can_be_imported() -> None:
    """transformers, which imports torchaudio itself, first; the other tests begin with torchaudio."""
    order = "from transformers import Wav2Vec2Model; import torchaudio"
    run = subprocess.run([sys.executable, "-c", f"import ser; {order}\n{USE}"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_import_of_ser_is_light() -> None:
    """Explaining and composing a configuration must not wait for torch."""
    code = "import sys, ser.commands.train; assert 'torch' not in sys.modules"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def imported(folder: Path, code: str) -> ModuleType:
    """What becomes of torchaudio/_extension.py with this code."""
    (folder / "_extension.py").write_text(code)
    [finder] = [finder for finder in sys.meta_path if isinstance(finder, torchaudio_extension._Finder)]
    spec = finder.find_spec("torchaudio._extension", [str(folder)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


UNFIT = {
    "libc10_cuda.so": "raise OSError('libc10_cuda.so: cannot open shared object file: No such file or directory')",
    "undefined symbol": """
try:
    raise OSError('_torchaudio.so: undefined symbol: _ZN3c10')
except OSError as error:
    raise OSError('Could not load this library') from error""",
    "has CUDA version 12.8": """
_IS_TORCHAUDIO_EXT_AVAILABLE = _IS_ALIGN_AVAILABLE = True
raise RuntimeError("compiled with different CUDA versions. PyTorch has CUDA version 12.8 whereas TorchAudio")""",
}


@pytest.mark.parametrize(("reason", "code"), UNFIT.items(), ids=UNFIT)
def test_a_library_that_does_not_fit_is_told_and_counts_as_absent(
    reason: str, code: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "ser"):
        module = imported(tmp_path, code)
    assert not module._IS_TORCHAUDIO_EXT_AVAILABLE and not module._IS_ALIGN_AVAILABLE
    [line] = caplog.messages
    assert "torchaudio works without its compiled extension" in line and reason in line


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (SyntaxError, "def"),
        (ImportError, "import no_such_package"),
        (ImportError, "raise ImportError('Failed to load libtorchaudio')"),
        (FileNotFoundError, "open('no-such-file')"),
        (AttributeError, "None.ops"),
        (RuntimeError, "raise RuntimeError('out of memory')"),
    ],
)
def test_no_other_fault_is_hidden(
    fault: type[Exception], code: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "ser"), pytest.raises(fault):
        imported(tmp_path, code)
    assert caplog.messages == []


def test_an_extension_that_fits_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ser"):
        assert imported(tmp_path, "_IS_ALIGN_AVAILABLE = True")._IS_ALIGN_AVAILABLE
    assert caplog.messages == []


def test_making_it_optional_twice_adds_one_finder() -> None:
    before = list(sys.meta_path)
    torchaudio_extension.make_optional()
    assert sys.meta_path == before
