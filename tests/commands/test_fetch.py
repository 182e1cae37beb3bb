"""`ser fetch`; nothing is downloaded here: see tests/corpora/test_download.py and tests/encoders/test_hub.py."""

from pathlib import Path

import pytest

from ser.commands import main
from ser.corpora.ravdess import Ravdess
from ser.encoders import SpeechEncoder
from ser.errors import DownloadError


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The folders that RAVDESS was fetched into; a second time it is there."""
    monkeypatch.chdir(tmp_path)
    folders: list[Path] = []

    def fetch(self: Ravdess) -> bool:
        folders.append(self.root)
        return self.root not in folders[:-1]

    monkeypatch.setattr(Ravdess, "fetch_release", fetch)
    return folders


def test_without_words_it_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch"]) == 0
    said = capsys.readouterr().out
    assert "  ravdess: RAVDESS, 1440 clips, 24 speakers, in English\n" in said and "CC BY-NC-SA 4.0" in said
    assert "    ser fetch ravdess: 208 MB to download, 590 MB unpacked\n" in said
    assert (
        "  esd: ESD, 35000 clips, 20 speakers, in English and Chinese\n" in said
        and "page: https://sail.usc.edu" in said
    )
    assert "demo" not in said and "folder:" not in said
    assert [line for line in said.splitlines() if len(line) > 80 and "://" not in line] == []
    assert "facebook/wav2vec2-base" in said


def test_a_corpus_by_its_name(fetched: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "ravdess"]) == 0
    assert "data/ravdess holds ravdess; train with it:\n  ser train corpus=ravdess corpus.root=data/ravdess\n" in (
        capsys.readouterr().out
    )
    assert main(["fetch", "ravdess", "big disk/ravdess"]) == 0
    assert "\n  ser train corpus=ravdess 'corpus.root=big disk/ravdess'\n" in capsys.readouterr().out
    assert main(["fetch", "ravdess"]) == 0
    assert "data/ravdess holds ravdess already: nothing to do" in capsys.readouterr().out
    assert fetched == [Path("data/ravdess"), Path("big disk/ravdess"), Path("data/ravdess")]


def test_how_it_ends_when_it_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for raised, code, said in ((DownloadError("no server"), 1, "no server\n"), (KeyboardInterrupt(), 130, "")):

        def fail(_: Ravdess, raised: BaseException = raised) -> bool:
            raise raised

        monkeypatch.setattr(Ravdess, "fetch_release", fail)
        assert main(["fetch", "ravdess"]) == code
        assert capsys.readouterr().err.strip() == said.strip()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ravdes"], 2, "ravdes is no corpus that is known; for an encoder, name a FOLDER"),
        (["ravdess", "--revision", "main"], 2, "--revision and --allow-pickle go with an encoder"),
        (
            ["jvnv"],
            1,
            "get it from https://sites.google.com/site/shinnosuketakamichi/research-topics/jvnv_corpus (CC BY-SA",
        ),
        (["demo"], 1, "corpus=demo has no release that could be downloaded"),
        (["folder"], 1, "corpus=folder has no release that could be downloaded"),
        (["table"], 1, "corpus=table has no release that could be downloaded"),
    ],
)
def test_mistakes(words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", *words]) == code
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


def test_an_encoder_into_a_folder(encoders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my encoder"
    assert main(["fetch", str(encoders / "wavlm"), str(folder)]) == 0
    assert f"ser train feature=wav2vec 'feature.checkpoint={folder}'" in capsys.readouterr().out
    assert SpeechEncoder.load(folder).kind == "wavlm"
    assert main(["fetch", str(encoders / "wavlm"), str(folder)]) == 1
    assert "exists; name another folder, nothing was changed" in capsys.readouterr().err
