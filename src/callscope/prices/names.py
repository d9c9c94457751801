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
_LOCAL: Final = "local"
"""Whose services run on the user's own machine."""
_PRIVATE: Final = (".local", ".localhost", ".internal", ".lan")


class Biller(NamedTuple):
    """Who bills, as far as it can be told."""

    id: str | None
    """The id in the catalogue, or a name that only the user's prices know."""
    assumed: str | None = None
    reason: str | None = None
    """Why ``id`` is None, and what to do."""


def biller_of(catalogue: Catalogue, hosts: Mapping[str, str], reported: str | None, model: str | None) -> Biller:
    """The provider that is meant.

    Args:
        catalogue: the providers.
        hosts: the user's own table of hosts and names; it wins.
        reported: an id, an alias, a host or an address; None when nobody said.
        model: as reported; its prefix (``openai/gpt-4o``) tells when nothing else does.
    """
    name = host_of(reported or "")
    bare = _without_port(name)
    found = hosts.get(name) or hosts.get(bare) or catalogue.named(bare)
    if found is not None:
        return Biller(found)
    if _is_private(bare):
        return Biller(
            None,
            reason=f'"{name}" may be a gateway or your own machine: write who bills it under [hosts] in your prices'
            " file, as docs/money.md says",
        )
    prefix, slash, _ = (model or "").strip().lower().partition("/")
    by_model = catalogue.named(prefix) if slash and prefix else None
    if by_model is not None:
        return Biller(by_model, assumed=f'"{name}" is not known: billed like {by_model}' if name else None)
    if not name and catalogue.named(model or "") == _LOCAL:
        return Biller(_LOCAL)  # an engine on this machine has no provider, and its model says which it is
    if not name:
        return Biller(None, reason="no provider was reported: report who bills it")
    return Biller(name)


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
