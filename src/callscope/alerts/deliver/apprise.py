"""Everything that Apprise reaches: chats, e-mail, telephones. Needs the extra ``alerts``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from callscope.alerts.deliver.delivery_error import DeliveryError
from callscope.alerts.deliver.document import text, title
from callscope.alerts.deliver.filled import Filled
from callscope.alerts.incidents import Notice
from callscope.errors import MissingExtraError, SettingError


def check(target: Filled) -> None:
    """Raise `MissingExtraError` without Apprise, `SettingError` for an address that it does not know."""
    _services(target)


def send(notice: Notice, target: Filled, *, root: Path) -> None:  # noqa: ARG001 -- as the other ways
    """Hand it over; raises `DeliveryError` when a service did not take it."""
    services = _services(target)
    kinds = {"info": "info", "warning": "warning", "critical": "failure"}
    kind = "success" if notice.state == "resolved" else kinds[notice.severity]
    failure: Exception | None = None
    arrived = False
    try:
        arrived = bool(services.notify(title=title(notice), body=text(notice), notify_type=kind, body_format="text"))
    except Exception as error:  # noqa: BLE001 -- services of every kind raise anything; the delivery is tried again
        failure = error
    if failure is not None:
        raise DeliveryError(f"{target.name}: Apprise failed ({type(failure).__name__})") from failure
    if not arrived:
        raise DeliveryError(f"{target.name}: Apprise could not hand it over; its own log lines say more")


def _services(target: Filled) -> Any:
    apprise = _library()
    services = apprise.Apprise()
    for number, address in enumerate(_addresses(target), start=1):
        if not services.add(address):
            raise SettingError(
                f"target {target.name!r}: Apprise does not know address {number} of it: see its list of services"
            )
    return services


def _addresses(target: Filled) -> Sequence[str]:
    url = target.settings["url"]
    return (url,) if isinstance(url, str) else tuple(url)


def _library() -> ModuleType:
    try:
        import apprise  # noqa: PLC0415 -- an extra, and slow to import
    except ImportError as error:
        raise MissingExtraError("alerts", what="A target of kind apprise") from error
    library: ModuleType = apprise
    return library
