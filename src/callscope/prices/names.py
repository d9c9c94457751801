"""What frameworks report, as provider ids and model names.

A rule here may shorten a name; it may never make of it the name of another model with another price. What a rule
gives is looked up after the name as it was reported, so a snapshot that is listed keeps its own price.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from callscope.prices.catalogue import Catalogue
from callscope.prices.entry import Provider

_FILE: Final = re.compile(r"(?:[/~.]|[a-z]:\\).*|.*\.(?:bin|gguf|ggml|onnx|pt|pth|safetensors|tflite)", re.DOTALL)
_FOLDERS: Final = re.compile(r".*[/\\]", re.DOTALL)
_FILE_PARTS: Final = re.compile(r"^(?:ggml|gguf)-|\.(?:bin|gguf|ggml|onnx|pt|pth|safetensors|tflite)$")
_PLACES: Final = re.compile(
    r"^(?:models/|accounts/fireworks/models/|(?:projects/[^/]+/locations/[^/]+/)?publishers/[^/]+/models/|arn:[^/]+/)"
)
_REGION: Final = re.compile(r"^(?:us|us-gov|eu|apac|jp|au|ca)\.(?=[a-z0-9]+\.)")
"""Bedrock's groups of regions. Not ``global.``: that one has prices of its own."""
_AT_VERSION: Final = re.compile(r"(?<=[^/])@[a-z0-9.-]+$")
_BEDROCK_VERSION: Final = re.compile(r"-v\d+:\d+$")
_COMPACT_DATE: Final = re.compile(r"-(20\d\d)([01]\d)([0-3]\d)$")
_DATE: Final = re.compile(r"-(?:20\d\d-[01]\d-[0-3]\d|latest)$")
_LIVEKIT_SUFFIX: Final = re.compile(r"(?<=.):[^/:]+$")
"""LiveKit's model strings end with a language or a voice: ``deepgram/nova-3:en``."""
_LIVEKIT_MULTI: Final = re.compile(r"(?<=.):multi$")
"""The one language with a price of its own."""
_SPOKEN_OF_SO: Final = frozenset(
    {"assemblyai", "cartesia", "deepgram", "elevenlabs", "inworld", "livekit-inference", "rime"}
)
"""Whose models are; for others, what follows a colon may be another model with another price."""
_MODULE: Final = re.compile(r"(?:livekit\.plugins|pipecat\.services)\.([^.]+).*")
_SERVICE: Final = re.compile(r"(?<=.)[_-](?:stt|tts|llm)$")
_LOCAL: Final = "local"
"""Whose services run on the user's own machine."""
_WHISPER: Final = "whisper"
"""Pipecat's engine on this machine, and what some call OpenAI's API: the model tells."""
_WHISPER_HERE: Final = re.compile(
    r".*[/\\].*|(?:distil-)?(?:tiny|base|small|medium|large|turbo)(?:-v\d(?:\.\d)?)?(?:-turbo)?(?:\.en)?", re.DOTALL
)
"""A path, a name as Hugging Face has it, a bare size."""
_WHISPER_API: Final = frozenset({"whisper-1", "openai/whisper-1"})
_PRIVATE: Final = (".local", ".localhost", ".internal", ".lan")


class Biller(NamedTuple):
    """Who bills, as far as it can be told."""

    id: str | None
    """The id in the catalogue, or a name that only the user's prices know."""
    reason: str | None = None
    """Why ``id`` is None, and what to do."""


def biller_of(catalogue: Catalogue, hosts: Mapping[str, str], reported: str | None, model: str | None) -> Biller:
    """The provider that is meant.

    Args:
        catalogue: the providers.
        hosts: the user's own table of hosts and names; it wins.
        reported: an id, an alias, a host, an address or a framework's module; None when nobody said.
        model: as reported; its prefix (``openai/gpt-4o``) tells when nobody said.
    """
    name = host_of(reported or "")
    bare = _without_port(name)
    found = hosts.get(name) or _known(catalogue, hosts, bare, (model or "").strip().lower())
    if found is not None:
        return Biller(found)
    if _is_private(bare):
        return Biller(
            None,
            reason=f'"{name}" may be a gateway or your own machine: write who bills it under [hosts] in your prices'
            " file, as docs/money.md says",
        )
    if name:
        return Biller(name)  # who is reported bills, whoever made the model: a gateway has prices of its own
    prefix, slash, _ = (model or "").strip().lower().partition("/")
    by_model = catalogue.named(prefix) if slash and prefix else None
    if by_model is not None:
        return Biller(by_model)
    if catalogue.named(model or "") == _LOCAL:
        return Biller(_LOCAL)  # an engine on this machine has no provider, and its model says which it is
    return Biller(None, reason="no provider was reported: report who bills it")


def _known(catalogue: Catalogue, hosts: Mapping[str, str], name: str, model: str) -> str | None:
    """The provider by the name that was reported, then by what is left of a name that says its module or service."""
    shorter = _MODULE.sub(r"\1", name)
    for each in dict.fromkeys((name, shorter, _SERVICE.sub("", shorter))):
        found = hosts.get(each) or catalogue.named(each)
        if found is not None:
            return found
        if each == _WHISPER and model in _WHISPER_API:
            return "openai"
        if each == _WHISPER and (_FILE.fullmatch(model) or _WHISPER_HERE.fullmatch(model)):
            return _LOCAL
    return None


def host_of(reported: str) -> str:
    """A provider's name in lower case; of an address the host, and its port when there is one."""
    name = reported.strip().lower()
    _, address, rest = name.partition("://")
    return rest.partition("/")[0].rpartition("@")[2] if address else name


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(_PRIVATE):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def model_names(model: str, provider: Provider | None) -> tuple[str, ...]:
    """Names to look a model up by: in lower case as it was reported, then shorter and shorter.

    Only the provider's own name is taken off the front: for others that resell, ``deepgram/nova-3`` is the whole name.
    """
    names = [model.strip().lower()]
    if _FILE.fullmatch(names[0]):
        names.append(_FILE_PARTS.sub("", _FOLDERS.sub("", names[0])))
    else:
        if provider is not None and provider.id in _SPOKEN_OF_SO:
            _shorten(names, _LIVEKIT_MULTI.sub("-multi", names[-1]))
            _shorten(names, _LIVEKIT_SUFFIX.sub("", names[-1]))
        _shorten(names, _without_owner(names[-1], provider))
        _shorten(names, _PLACES.sub("", names[-1]))
        _shorten(names, _REGION.sub("", names[-1]))
    _shorten(names, _AT_VERSION.sub("", names[-1]))
    _shorten(names, _BEDROCK_VERSION.sub("", names[-1]))
    _shorten(names, _COMPACT_DATE.sub(r"-\1-\2-\3", names[-1]))
    _shorten(names, _DATE.sub("", names[-1]))
    return tuple(names)


def _without_owner(name: str, provider: Provider | None) -> str:
    owner, slash, rest = name.partition("/")
    if slash and provider is not None and owner in (provider.id, *provider.aliases):
        return rest
    return name


def _shorten(names: list[str], shorter: str) -> None:
    if shorter and shorter != names[-1]:
        names.append(shorter)
