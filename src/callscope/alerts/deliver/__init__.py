"""The ways to tell somebody: one module each, with ``send(notice, target, *, root)``, which raises `DeliveryError`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from callscope import config
from callscope.alerts.deliver.delivery_error import DeliveryError
from callscope.alerts.deliver.filled import Filled, fill
from callscope.alerts.incidents import Notice
from callscope.alerts.rule import Target

__all__ = ["DeliveryError", "Filled", "prepare", "send", "send_now"]


def prepare(target: Target) -> Filled:
    """The target with its secrets, once it can be used.

    Raises:
        SettingError: a variable of the environment is not set, or what it holds cannot be used; says which.
        MissingExtraError: the way needs packages that are not installed; says which extra has them.
    """
    filled = fill(target, config.variable)
    check = getattr(_way(target), "check", None)
    if check is not None:
        check(filled)
    return filled


def send(target: Filled, notice: Notice, *, root: Path) -> None:
    """Send a notice, here and now, once; takes as long as the target's time limit at most.

    Args:
        target: where to.
        notice: what.
        root: the archive that it is about.

    Raises:
        DeliveryError: it did not arrive; says why, without secrets.
    """
    way: Callable[..., None] = _way(target).send
    way(notice, target, root=root)


def send_now(target: Target, notice: Notice, *, root: Path) -> None:
    """`prepare` and `send`, for who tries a target."""
    send(prepare(target), notice, root=root)


def _way(target: Target | Filled) -> ModuleType:
    """Loaded when it is needed: most of them never are."""
    return importlib.import_module(f"callscope.alerts.deliver.{target.kind}")
