"""Which features, models and augmentations go together."""

from ser.augment.base import Augment
from ser.errors import ConfigError
from ser.features.base import Feature, FrozenFeature
from ser.models.base import Model, SolvedModel, WaveformModel


def check_fit(feature: Feature, model: Model, augment: Augment) -> None:
    """Refuse a feature, a model and an augmentation that do not go together.

    Raises:
        ConfigError: says what to choose instead.
    """
    is_solved = isinstance(model, SolvedModel)
    hears = model.sample_rate if isinstance(model, WaveformModel) else None
    if feature.is_waveform and hears is None:
        raise ConfigError(
            "model: takes frames, but the feature gives the waveform itself; choose another feature, or a model"
            " that listens to waveforms"
        )
    if hears is not None and not feature.is_waveform:
        raise ConfigError(
            "model: listens to the waveform itself, but the feature gives frames; set feature=waveform, or choose"
            " another model"
        )
    if hears is not None and hears != feature.sample_rate:
        raise ConfigError(
            f"feature.sample_rate={feature.sample_rate}: the model hears {hears} Hz; set feature.sample_rate={hears}"
        )
    if isinstance(model, WaveformModel) and model.variants and not augment.changes_waveforms:
        raise ConfigError(
            f"model.variants={model.variants}: augment changes no waveforms; set augment=waveform, or model.variants=0"
        )
    if is_solved and not augment.changes_nothing:
        raise ConfigError("augment: the model is solved from each clip as it is; set augment=none")
    if is_solved and feature.n_layers > 1 and not feature.chooses_layer:
        raise ConfigError(
            "feature.layer=weighted: the weights are learnt, but the model is solved; name a layer, several such as"
            " [1,2,3], or best"
        )
    if feature.chooses_layer and not is_solved:
        raise ConfigError(
            "feature.layer=best: tries every layer, which takes a model that is solved (model=linear or svm); name"
            " a layer, or weighted"
        )
    if isinstance(feature, FrozenFeature) and augment.changes_waveforms:
        raise ConfigError(
            "augment: changes waveforms, but the feature is computed once for all epochs; choose an augmentation"
            " that changes features alone, or augment=none"
        )
