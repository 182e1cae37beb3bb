"""embeddings.npz and examples/ are written and read again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ser.runs.embeddings import Embeddings, read_embeddings
from ser.runs.examples import Example, Relevance, read_examples, write_examples

EXAMPLE = Example(
    utterance="声/01",
    kind="mistake",
    audio="01.flac",
    mime="audio/flac",
    duration_s=1.5,
    true="sad",
    predicted="calm",
    probability=0.9,
    spectrogram="01.png",
    top_hz=8000.0,
    mel_ticks=[[0.0, 0.0], [8000.0, 1.0]],  # type: ignore[list-item]
    relevance=Relevance([0.0, 1.5], [0.0, 100.0, 8000.0], [[0.5], [-0.25]]),
)


def test_examples_are_read_as_they_were_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_examples(tmp_path)
    examples = [EXAMPLE, replace(EXAMPLE, kind="listened", relevance=None)]
    write_examples(tmp_path, examples, {"01.flac": b"sound", "01.png": b"picture"})
    assert read_examples(tmp_path) == examples
    assert {path.name: path.read_bytes() for path in (tmp_path / "examples").glob("01.*")} == {
        "01.flac": b"sound",
        "01.png": b"picture",
    }


@pytest.mark.parametrize("change", [{"audio": "../../secret"}, {"spectrogram": "/etc/passwd"}, {"audio": 5}, {"x": 1}])
def test_damaged_examples_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    write_examples(tmp_path, [EXAMPLE], {})
    path = tmp_path / "examples" / "examples.json"
    [listed] = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps([{**listed, **change}]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"examples\.json"):
        read_examples(tmp_path)


def test_embeddings_are_read_as_they_were_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_embeddings(tmp_path)
    vectors = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float16)
    Embeddings(["声/01", "b"], vectors, fold=2).write(tmp_path)
    again = read_embeddings(tmp_path)
    assert (again.utterances, again.fold, again.vectors.dtype) == (["声/01", "b"], 2, np.float16)
    np.testing.assert_array_equal(again.vectors, vectors)
    Embeddings(["a"], vectors, fold=2).write(tmp_path)
    with pytest.raises(ValueError, match="damaged: 1 clips, vectors of shape"):
        read_embeddings(tmp_path)
    (tmp_path / "embeddings.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ValueError, match="damaged"):
        read_embeddings(tmp_path)
