"""What readers of published corpora share, and that each knows how many clips its release has."""

import os
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

import pytest

from ser.corpora import by_name
from ser.corpora.by_name import ByName
from ser.corpora.labels import known_emotion, label_order
from ser.errors import ConfigError, CorpusNotFound
from tests import components
from tests.corpora.trees import made, put

PUBLISHED = [name for name in components.names("corpus") if issubclass(components.target(f"corpus/{name}"), ByName)]
published = pytest.mark.parametrize("name", PUBLISHED)


def whole_tess() -> Iterator[str]:
    for speaker, emotion, word in product(
        ("OAF", "YAF"), ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad"), range(200)
    ):
        is_odd = (speaker, emotion, word) == ("OAF", "neutral", 7)
        yield f"{speaker}_{emotion}/{'OA' if is_odd else speaker}_{word}_{emotion}"


def whole_savee() -> Iterator[str]:
    for speaker, emotion in product(("DC", "JE", "JK", "KL"), ("a", "d", "f", "h", "n", "sa", "su")):
        yield from (f"AudioData/{speaker}/{emotion}{n:02d}" for n in range(1, 31 if emotion == "n" else 16))


def whole_jtes() -> Iterator[str]:
    speakers = [f"{gender}{n:02d}" for gender in "fm" for n in range(1, 51)]
    for who, emotion, n in product(speakers, ("ang", "joy", "neu", "sad"), range(1, 51)):
        yield f"wav/{who}/{emotion}/{who}_{emotion}_{n:02d}"


@pytest.mark.parametrize(
    ("name", "clips"),
    [("tess", whole_tess()), ("savee", whole_savee()), ("jtes", whole_jtes())],
    ids=["tess", "savee", "jtes"],
)
def test_a_whole_release_differs_in_nothing(
    name: str, clips: Iterable[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{clip}.wav" for clip in clips]
    monkeypatch.setattr(by_name, "files_below", lambda root: paths)
    corpus = made(name, tmp_path)
    assert corpus.remarks(corpus.utterances()) == []


@published
def test_what_is_published_of_it(name: str) -> None:
    corpus = components.target(f"corpus/{name}")
    about = corpus.about
    assert corpus.name == name and about.n_clips > 400
    assert all((about.title, about.languages, about.license, about.conditions, about.citation))
    assert about.page.startswith("http") and max(map(len, about.terms.splitlines())) <= 85
    if not isinstance(about.clips, int):
        assert all(known_emotion(emotion) == emotion for emotion in about.clips)


@published
def test_where_there_is_none(name: str, tmp_path: Path) -> None:
    page = components.target(f"corpus/{name}").about.page
    put(tmp_path, "notes.wav", "corpus.zip")
    with pytest.raises(CorpusNotFound, match=rf"no clip of .* below {tmp_path}.*{page}.*archives"):
        made(name, tmp_path).utterances()
    with pytest.raises(CorpusNotFound, match=r"no folder .*nowhere; set corpus\.root=<"):
        made(name, tmp_path / "nowhere").utterances()
    with pytest.raises(ConfigError, match=r"root is empty; name folder"):
        components.make(f"corpus/{name}", root="")


@published
def test_it_is_the_release(name: str) -> None:
    """Where an environment variable, as CREMAD_ROOT, says where the real corpus is."""
    root = os.environ.get(f"{name.upper()}_ROOT")
    if not root:
        pytest.skip(f"{name.upper()}_ROOT does not say where the real corpus is")
    corpus = made(name, Path(root))
    utterances = corpus.utterances()
    assert not [remark for remark in corpus.remarks(utterances) if "where the release has" in remark]
    assert label_order(corpus.about.clips) == label_order(one.emotion for one in utterances)


def test_a_clip_that_is_there_again_counts_once(tmp_path: Path) -> None:
    put(tmp_path, "TESS/OAF_Sad/OAF_back_sad.wav", "TESS/TESS/OAF_Sad/OAF_back_sad.wav", "flac/YAF_back_ps.flac")
    put(tmp_path, "YAF_back_ps.mp3", "wav/YAF_back_ps.wav", "._YAF_back_sad.wav", "__MACOSX/YAF_back_sad.wav")
    corpus = made("tess", tmp_path)
    utterances = corpus.utterances()
    assert [utterance.id for utterance in utterances] == ["TESS/OAF_Sad/OAF_back_sad", "wav/YAF_back_ps"]
    assert "1 further copies not counted again" in corpus.remarks(utterances)[0]


def test_a_difference_from_the_release_is_said_in_one_line(tmp_path: Path) -> None:
    put(tmp_path, "OAF_Sad/OAF_back_sad.wav")
    corpus = made("tess", tmp_path)
    [remark] = corpus.remarks(corpus.utterances())
    assert remark.startswith("1 clips where the release has 2800; missing 400 neutral, 400 happy, 399 sad, 400 angry")
    assert remark.endswith("; 1 speakers where it has 2")
