"""Each import order needs a process of its own: what is imported once stays imported."""

import subprocess
import sys

import pytest

ORDERS = {
    "torchaudio first": "import torchaudio; from transformers import Wav2Vec2Model",
    "transformers first": "from transformers import Wav2Vec2Model; import torchaudio",
}
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


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_torchaudio_and_transformers_can_be_imported(order: str) -> None:
    run = subprocess.run([sys.executable, "-c", f"import ser; {order}\n{USE}"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_import_of_ser_is_light() -> None:
    """Explaining and composing a configuration must not wait for torch."""
    code = "import sys, ser, ser.config.build, ser.commands.train; assert 'torch' not in sys.modules"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_making_it_optional_twice_adds_one_finder() -> None:
    from ser.features import torchaudio_extension

    before = list(sys.meta_path)
    torchaudio_extension.make_optional()
    assert sys.meta_path == before
