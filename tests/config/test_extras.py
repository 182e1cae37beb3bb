import re
import tomllib

import pytest

from ser.config import extras
from ser.config.extras import need
from ser.config.places import conf_dir, source_dir
from ser.errors import ConfigError
from tests.components import make


def test_what_is_installed_is_enough() -> None:
    need("logger=mine", "json", extra="mine")


def test_what_is_missing_is_told_with_the_way_out() -> None:
    with pytest.raises(ConfigError) as refused:
        need("logger=mine", "no_such_package", extra="mine")
    assert str(refused.value) == (
        'logger=mine needs the package no_such_package, which is missing; install it with pip install "ser-lab[mine]"'
    )


def test_a_feature_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r'ComParE_2016 needs the package opensmile.* pip install "ser-lab\[opensmile\]"'
    ):
        make("feature/compare")


def test_every_extra_that_is_named_exists() -> None:
    told = tomllib.loads((conf_dir().parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    code = "\n".join(file.read_text(encoding="utf-8") for file in source_dir().rglob("*.py"))
    named = set(re.findall(r'extra="(\w+)"|ser-lab\[(\w+)\]"', code))
    assert {first or second for first, second in named} <= told.keys()
