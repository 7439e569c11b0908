"""From the name in a request to a model."""

from __future__ import annotations

import pytest

from aigc.errors import UnknownModel, UserError
from aigc.runtime import naming
from aigc.settings import Settings, load
from aigc.types import Capability, EngineFile, ModelSpec


def _spec(name: str, *capabilities: Capability) -> ModelSpec:
    file = EngineFile(engine="echo", path="echo:", memory_bytes=1)
    return ModelSpec(
        id=name,
        capabilities=capabilities,
        engines=(file,),
        context_tokens=64,
        created=0,
        digest="d",
        licence="MIT",
        embedding_width=4 if capabilities == ("embedding",) else None,
    )


MODELS = [_spec("qwen", "chat", "completion"), _spec("e5", "embedding")]


def _resolve(name: str, capability: Capability = "chat", settings: Settings | None = None) -> str:
    known = naming.aliases(settings or load({}))
    return naming.resolve(name, capability, known, MODELS, "qwen").id


@pytest.mark.parametrize("name", ["qwen", "default", "gpt-4o-mini", "gpt-3.5-turbo", "text-davinci-002"])
def test_names_of_the_cloud_mean_the_default_model(name: str) -> None:
    assert _resolve(name) == "qwen"


@pytest.mark.parametrize("name", ["e5", "embedding", "text-embedding-3-small", "default"])
def test_embedding_names_mean_the_embedding_model(name: str) -> None:
    assert _resolve(name, "embedding") == "e5"


def test_the_settings_win_over_the_names_of_the_cloud() -> None:
    settings = load({}, aliases={"gpt-4o": "mine", "mine": "qwen"})
    assert _resolve("gpt-4o", settings=settings) == "qwen"


def test_an_unknown_name_lists_near_ones() -> None:
    with pytest.raises(UnknownModel, match=r"there is no model 'qwem'; installed: qwen") as caught:
        _resolve("qwem")
    assert caught.value.param == "model"
    assert caught.value.status == 404


def test_an_alias_that_leads_in_a_circle_is_refused() -> None:
    settings = load({}, aliases={"a": "b", "b": "a"})
    with pytest.raises(UserError, match="leads in a circle"):
        _resolve("a", settings=settings)


def test_a_model_that_can_not_do_it_names_those_that_can() -> None:
    with pytest.raises(UserError, match=r"e5 can't be asked for chat; models that can: qwen"):
        _resolve("e5")


def test_without_any_model_the_hint_names_what_to_pull() -> None:
    with pytest.raises(UnknownModel) as caught:
        naming.resolve("gpt-4o", "chat", naming.aliases(load({})), [], None)
    assert caught.value.hint == "`aigc search` lists more, `aigc pull default` installs"


@pytest.mark.parametrize("name", ["default", "image", "dall-e-3", "gpt-image-1", "aigc-v1"])
def test_names_of_the_cloud_mean_our_picture_model(name: str) -> None:
    pictures = [*MODELS, _spec("aigc-scenes", "image", "panorama"), _spec("aigc-v1", "image", "image_edit")]
    known = naming.aliases(load({}))
    assert naming.resolve(name, "image", known, pictures, "qwen").id == "aigc-v1"
    assert naming.resolve(name, "image_edit", known, pictures, "qwen").id == "aigc-v1"


def test_each_thing_that_is_asked_of_pictures_has_a_default_of_its_own() -> None:
    pictures = [
        _spec("aigc-scenes", "image", "panorama"),
        _spec("mine", "panorama"),
        _spec("aigc-restore", "restoration"),
    ]
    known = naming.aliases(load({}))
    assert naming.resolve("default", "panorama", known, pictures, None).id == "aigc-scenes"
    assert naming.resolve("default", "restoration", known, pictures, None).id == "aigc-restore"
    changed = naming.aliases(load({})) | {"panorama": "mine"}
    assert naming.resolve("default", "panorama", changed, pictures, None).id == "mine"
