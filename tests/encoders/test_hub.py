"""Fetching encoders, from a hub on this machine that answers as the real one does."""

import hashlib
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file

from ser.encoders import SpeechEncoder, fetch, fetch_into
from ser.errors import EncoderError

ID = "someone/wavlm-tiny"
COMMITS = {"main": "a" * 40, "old": "b" * 40, "refs/pr/3": "c" * 40}


@dataclass
class Hub:
    """What the hub holds: a folder for each revision of one id; and what it was asked for."""

    revisions: dict[str, Path] = field(default_factory=dict)
    discussions: list[dict[str, Any]] = field(default_factory=list)
    refusal: tuple[int, str] | None = None
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(path)
        if self.refusal is not None:
            return self.refusal[0], {"X-Error-Code": self.refusal[1]}, b"{}"
        path = path.partition("?")[0].replace("%2F", "/")
        by_commit = {COMMITS[name]: folder for name, folder in self.revisions.items()}
        if path == f"/api/models/{ID}/discussions":
            return self.json({"discussions": self.discussions, "count": len(self.discussions), "start": 0})
        if path.startswith(f"/api/models/{ID}/tree/"):
            folder = by_commit[path.rpartition("/")[2]]
            return self.json(
                [{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": oid(f)} for f in folder.iterdir()]
            )
        if path.startswith(f"/api/models/{ID}"):
            name = path.partition("/revision/")[2] or "main"
            if name not in self.revisions:
                return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
            files = [{"rfilename": file.name} for file in self.revisions[name].iterdir()]
            return self.json({"id": ID, "modelId": ID, "sha": COMMITS[name], "siblings": files})
        if path.startswith(f"/{ID}/resolve/"):
            revision, _, name = path.removeprefix(f"/{ID}/resolve/").rpartition("/")
            commit = COMMITS.get(revision, revision)
            file = by_commit[commit] / name
            if not file.is_file():
                return 404, {"X-Error-Code": "EntryNotFound"}, b""
            return 200, {"ETag": f'"{oid(file)}"', "X-Repo-Commit": commit}, file.read_bytes()
        return 401, {"X-Error-Code": "RepoNotFound"}, b"{}"

    def json(self, content: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()


def oid(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def __init__(self, hub: Hub, *args: Any) -> None:
        self.hub = hub
        super().__init__(*args)

    def do_GET(self) -> None:
        status, headers, body = self.hub.answer(self.path)
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    return tmp_path / "cache"


@pytest.fixture
def hub(encoders: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub({"main": encoders / "wavlm"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, hub))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    at = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", at)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", at + "/{repo_id}/resolve/{revision}/{filename}")
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nobody(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub at the other end."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")


def as_pickle(encoder: Path, folder: Path) -> Path:
    """A copy of an encoder whose weights are a pickle."""
    shutil.copytree(encoder, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


@pytest.fixture
def pickled(encoders: Path, tmp_path: Path) -> Path:
    return as_pickle(encoders / "wavlm", tmp_path / "pickled")


def conversion(**changes: str) -> dict[str, Any]:
    return {
        **{"title": "Adding `safetensors` variant of this model", "status": "open", "isPullRequest": True, "num": 3},
        **{"createdAt": "2024-01-01T00:00:00.000Z", "author": {"name": changes.pop("author", "SFconvertbot")}},
        **{"repo": {"name": ID, "type": "model"}, "repoOwner": {"name": "someone"}, **changes},
    }


def same(folder: Path, other: Path) -> bool:
    ours, theirs = SpeechEncoder.load(folder).state_dict(), SpeechEncoder.load(other, allow_pickle=True).state_dict()
    return all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_folder_is_taken_as_it_is(encoders: Path) -> None:
    assert fetch(str(encoders / "wavlm"), None) == encoders / "wavlm"
    with pytest.raises(EncoderError, match=r"revision=main names a version on the hub, but .* is a folder"):
        fetch(str(encoders / "wavlm"), "main")


def test_only_what_is_needed_is_fetched_and_only_once(hub: Hub, tmp_path: Path, encoders: Path) -> None:
    shutil.copytree(encoders / "wavlm", tmp_path / "more")
    for name in ("pytorch_model.bin", "modeling_evil.py", "README.md", "adapter.deu.safetensors"):
        (tmp_path / "more" / name).write_text("no")
    hub.revisions["main"] = tmp_path / "more"
    folder = fetch(ID, None)
    assert sorted(file.name for file in folder.iterdir()) == [
        *("config.json", "model.safetensors", "preprocessor_config.json"),
    ]
    assert same(folder, encoders / "wavlm")
    hub.asked.clear()
    assert fetch(ID, None) == folder
    assert hub.asked == []
    with pytest.raises(EncoderError, match="the hub has no revision old of it"):
        fetch(ID, "old")


def test_an_id_with_the_processor_s_file_alone_is_fetched(hub: Hub, tmp_path: Path, encoders: Path) -> None:
    folder = shutil.copytree(encoders / "wavlm", tmp_path / "newer")
    extractor = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"feature_extractor": extractor}))
    hub.revisions["main"] = folder
    assert same(fetch(ID, None), encoders / "wavlm")
    hub.asked.clear()
    assert SpeechEncoder.load(fetch(ID, None)).kind == "wavlm" and hub.asked == []


def test_a_revision_is_pinned(hub: Hub, encoders: Path) -> None:
    hub.revisions["old"] = encoders / "hubert"
    assert SpeechEncoder.load(fetch(ID, "old")).kind == "hubert"
    assert SpeechEncoder.load(fetch(ID, None)).kind == "wavlm"
    assert SpeechEncoder.load(fetch(ID, "b" * 40)).kind == "hubert"


def test_the_hub_s_converter_is_trusted(hub: Hub, pickled: Path, encoders: Path) -> None:
    hub.revisions = {"main": pickled, "refs/pr/3": encoders / "wavlm"}
    hub.discussions = [conversion()]
    folder = fetch(ID, None)
    assert same(folder, encoders / "wavlm")
    hub.asked.clear()
    assert fetch(ID, None) == folder
    assert hub.asked == []


@pytest.mark.parametrize("changes", [{"author": "Mallory"}, {"status": "closed"}, {"title": "Better weights"}])
def test_nobody_else_is(hub: Hub, pickled: Path, encoders: Path, changes: dict[str, str]) -> None:
    hub.revisions = {"main": pickled, "refs/pr/3": encoders / "wavlm"}
    hub.discussions = [conversion(**changes)]
    with pytest.raises(EncoderError, match="the hub has its weights as a pickle alone"):
        fetch(ID, None)
    folder = fetch(ID, None, allow_pickle=True)
    assert not (folder / "model.safetensors").exists()
    assert same(encoders / "wavlm", folder)


def test_what_others_have_offered_is_not_taken_from_the_cache_either(hub: Hub, pickled: Path, encoders: Path) -> None:
    hub.revisions = {"main": pickled, "refs/pr/3": encoders / "hubert"}
    hub.discussions = [conversion(author="someone")]
    fetch(ID, "refs/pr/3")
    with pytest.raises(EncoderError, match="the hub has its weights as a pickle alone"):
        fetch(ID, None)


def test_a_text_model_is_refused_before_its_weights_are_fetched(hub: Hub, encoders: Path) -> None:
    hub.revisions["main"] = encoders / "bert"
    with pytest.raises(EncoderError, match="is of the kind bert, which is no speech encoder known here"):
        fetch(ID, None)
    assert not any("safetensors" in path for path in hub.asked)


def test_no_weights_and_no_configuration(hub: Hub, tmp_path: Path, encoders: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/README.md").write_text("soon")
    hub.revisions["main"] = tmp_path / "bare"
    with pytest.raises(EncoderError, match=r"holds no config\.json on the hub"):
        fetch(ID, None)
    shutil.copy(encoders / "wavlm/config.json", tmp_path / "bare")
    with pytest.raises(EncoderError, match="holds no weights on the hub that torch can read"):
        fetch(ID, None)


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ((401, "RepoNotFound"), "no such folder, and no such id on the hub"),
        ((404, "RepoNotFound"), "no such folder, and no such id on the hub"),
        ((403, "GatedRepo"), "wants you to agree to terms first"),
        ((500, ""), "the hub answered 500; try again later"),
    ],
)
def test_a_refusal_is_one_message(hub: Hub, refusal: tuple[int, str], message: str) -> None:
    hub.refusal = refusal
    with pytest.raises(EncoderError, match=message) as caught:
        fetch(ID, None)
    assert str(caught.value).startswith(f"{ID}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["/no/such/folder", "./none", "a/b/c", "own er/name", "a/" + "b" * 120])
def test_what_is_no_folder_and_no_id(cache: Path, name: str) -> None:
    with pytest.raises(EncoderError, match="there is no such folder, and it is no id on the hub"):
        fetch(name, None)


def test_no_network_and_no_copy(nobody: None) -> None:
    with pytest.raises(EncoderError) as caught:
        fetch(ID, None)
    assert f"{ID}: there is no such folder, nor a copy from the hub, and the hub cannot be reached" in str(caught.value)
    assert f"run ser fetch {ID} FOLDER" in str(caught.value)
    assert "feature.checkpoint=FOLDER" in str(caught.value)


def test_offline_mode_and_no_copy(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError, match="the hub cannot be reached"):
        fetch(ID, None)


def test_a_full_disk(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    with pytest.raises(EncoderError, match=r"cannot be written to .*cache \(No space left on device\); free space"):
        fetch(ID, None)


def test_a_whole_folder_is_put(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "deep/encoder"
    fetch_into(folder, ID, None, allow_pickle=False)
    assert same(folder, hub.revisions["main"])
    assert [path.name for path in folder.parent.iterdir()] == ["encoder"]
    with pytest.raises(EncoderError, match="exists; name another folder, nothing was changed"):
        fetch_into(folder, ID, None, allow_pickle=False)


def test_a_pickle_is_converted(cache: Path, pickled: Path, tmp_path: Path, encoders: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(EncoderError, match=f"as a pickle alone .* convert it: ser fetch {pickled} NEW_FOLDER"):
        fetch_into(out, str(pickled), None, allow_pickle=False)
    assert not out.exists()
    fetch_into(out, str(pickled), None, allow_pickle=True)
    assert (out / "model.safetensors").exists() and not (out / "pytorch_model.bin").exists()
    assert same(out, encoders / "wavlm")


def test_a_pickled_whisper_is_converted(cache: Path, encoders: Path, tmp_path: Path) -> None:
    source = as_pickle(encoders / "whisper", tmp_path / "whisper")
    fetch_into(tmp_path / "out", str(source), None, allow_pickle=True)
    assert same(tmp_path / "out", encoders / "whisper")


def test_a_folder_that_cannot_be_written(encoders: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderError, match="cannot be written"):
        fetch_into(tmp_path / "file/out", str(encoders / "wavlm"), None, allow_pickle=False)
