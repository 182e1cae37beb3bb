"""`ser fetch`: a corpus as its authors released it, or a pretrained encoder."""

import logging
import pkgutil
import shlex
import textwrap
from pathlib import Path

import click

from ser.config import choices
from ser.config.build import build
from ser.corpora.base import About, Corpus, no_release
from ser.errors import ConfigError

EXAMPLES = """\b
Examples:
  ser fetch                                       # tells what there is
  ser fetch ravdess                               # into data/ravdess
  ser fetch ravdess /big/disk/ravdess
  ser fetch facebook/wav2vec2-base encoders/wav2vec2-base

A download of a corpus that was interrupted goes on with the same command. docs/download.md and docs/encoders.md tell
more."""


@click.command("fetch", epilog=EXAMPLES)
@click.argument("what", required=False)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--revision", help="Of an encoder: branch, tag or commit on the hub; main where it is not given.")
@click.option("--allow-pickle", is_flag=True, help="Of an encoder: read pickled weights where there are no others.")
def command(what: str | None, folder: Path | None, revision: str | None, allow_pickle: bool) -> None:
    """Fetch a corpus as its authors released it, or a pretrained speech encoder for a machine without network.

    WHAT is a corpus, the id of an encoder on the Hugging Face hub, or a folder with an encoder whose pickled weights
    shall be converted. Without it, the corpora that can be read are listed: size, languages, licence, and where to get
    those that cannot be fetched.

    FOLDER is where it goes: data/<corpus>, unless said otherwise. An encoder's must not exist yet. It will hold
    config.json, preprocessor_config.json and the weights as safetensors; point at it with feature.checkpoint=FOLDER.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if what is None:
        print(_overview())
    elif what in choices.groups()["corpus"]:
        if revision or allow_pickle:
            raise click.UsageError("--revision and --allow-pickle go with an encoder.")
        _fetch_corpus(what, folder or Path("data") / what)
    elif folder is None:
        raise click.UsageError(f"{what} is no corpus that is known; for an encoder, name a FOLDER to put it into.")
    else:
        _fetch_encoder(what, folder, revision, allow_pickle)


def _overview() -> str:
    lines = ["Corpora, by name:"]
    for name in choices.groups()["corpus"]:
        found = _class_of(name)
        if found.about is not None:
            title, _, terms = found.about.terms.partition("\n")
            lines += ["", f"  {name}: {title}, {_size(found.about)}", *textwrap.indent(terms, "  ").splitlines()]
        if found.release is not None:
            sizes = (
                f"{found.release.size / 1e6:.0f} MB to download, {found.release.unpacked_size / 1e6:.0f} MB unpacked"
            )
            lines.append(f"    ser fetch {name}: {sizes}")
    lines += ["", "Encoders, by their ids on the Hugging Face hub, such as"]
    features = [choices.choice("feature", name) for name in choices.groups()["feature"]]
    lines += dict.fromkeys(f"  {feature['checkpoint']}" for feature in features if "checkpoint" in feature)
    return "\n".join(lines)


def _size(about: About) -> str:
    speakers = "" if about.speakers is None else f", {about.speakers} speakers"
    return f"{about.n_clips} clips{speakers}, in {' and '.join(about.languages)}"


def _class_of(corpus: str) -> type[Corpus]:
    target = choices.choice("corpus", corpus).get("_target_")
    try:
        found: type[Corpus] = pkgutil.resolve_name(str(target))
    except (ImportError, AttributeError, ValueError):
        raise ConfigError(f"corpus={corpus}: no such class: {target!r}; name one as package.module.Class") from None
    return found


def _fetch_corpus(name: str, folder: Path) -> None:
    found = _class_of(name)
    if found.release is None:
        raise no_release(name, found.about)
    corpus: Corpus = build("corpus", {**choices.choice("corpus", name), "root": str(folder)})
    fetched = corpus.fetch_release()
    print(f"{folder} holds {name}{'' if fetched else ' already: nothing to do'}; train with it:")
    print(f"  ser train corpus={name} {shlex.quote(f'corpus.root={folder}')}")


def _fetch_encoder(name: str, folder: Path, revision: str | None, allow_pickle: bool) -> None:
    from ser.encoders import fetch_into  # it imports torch, which takes seconds

    fetch_into(folder, name, revision, allow_pickle=allow_pickle)
    print(f"{folder} holds {name}; train with it:")
    print(f"  ser train feature=wav2vec {shlex.quote(f'feature.checkpoint={folder}')}")
