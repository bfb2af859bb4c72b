"""Channels: the addresses in ``KENPO_ALERT_URLS``, and sending one message to one of them.

What lives here: reading the addresses, naming them without showing them, and Apprise, which sends. What does not: what is sent
to whom and when (``delivery``). An address holds passwords and tokens: nothing here puts one, or a part of one, into a message,
an error or a log, and Apprise's own log, which quotes addresses, is kept silent.
"""

import hashlib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from kenpo_pipelines.serving.outbox import CRITICAL, INFO, WARNING, Channel

SEND_TIMEOUT_S = 20
"""How long one message may take on one channel, as a whole."""

_ENTRY = re.compile(
    r"(?:(?P<tags>[A-Za-z0-9_-]+(?:,[A-Za-z0-9_-]+)*)=)?(?P<url>(?P<scheme>[A-Za-z0-9.+-]{1,32})://\S+)"
)
_SCHEME = re.compile(r"(?:[A-Za-z0-9_,-]+=)?([A-Za-z0-9.+-]{1,32})://")
_DIGEST_LENGTH = 10
_MAIL = ("mailto", "mailtos")
_APP = "kenpo-pipelines"


@dataclass(frozen=True)
class File:
    """A file that goes with a message: its name, and an HTML page as its content."""

    name: str
    content: bytes = field(repr=False)


class ChannelError(ValueError):
    """An entry of ``KENPO_ALERT_URLS`` is wrong; the message names its place and its scheme, nothing else of it."""


def channels(alert_urls: SecretStr | None) -> tuple[Channel, ...]:
    """Return the channels in the order of the entries; none where nothing is set.

    An entry is ``url`` or ``tag,tag=url``, as in a text configuration of Apprise; entries stand on lines of their own or are
    separated by spaces, and a line that begins with ``#`` is a comment. Raises :class:`ChannelError` for an entry that is none
    and for an address that Apprise does not understand.
    """
    if alert_urls is None:
        return ()
    found: dict[str, Channel] = {}
    for position, entry in enumerate(_entries(alert_urls.get_secret_value()), start=1):
        match = _ENTRY.fullmatch(entry)
        if match is None or _plugin(match["url"]) is None:
            shown = _SCHEME.match(entry)
            kind = f"{shown[1]}://…" if shown else "no scheme"
            raise ChannelError(
                f"KENPO_ALERT_URLS: entry {position} ({kind}) is not an address that Apprise understands; write "
                f"tag,tag=scheme://… or scheme://…, see docs/howto/set-up-alerts.md"
            )
        digest = hashlib.sha256(match["url"].encode()).hexdigest()[:_DIGEST_LENGTH]
        name = f"{match['scheme'].lower()}-{digest}"
        tags = frozenset(match["tags"].split(",")) if match["tags"] else frozenset()
        if name in found:
            # an address named twice is one channel; without tags it gets everything
            earlier = found[name].tags
            tags = earlier | tags if earlier and tags else frozenset()
        found[name] = Channel(name, SecretStr(match["url"]), tags)
    return tuple(found.values())


def takes_files(channel: Channel) -> bool:
    """True for mail: other services take files in ways of their own, or refuse the whole message."""
    return channel.name.partition("-")[0] in _MAIL


def send(channel: Channel, *, title: str, text: str, html: str, severity: str, files: Sequence[File] = ()) -> str:
    """Send one message now; return '' when the channel took it, else the kind of failure: ``refused``, ``timeout`` or a type.

    ``html`` goes to channels that show it (mail, which gets the plain text beside it), ``text`` to the others. Give ``files``
    only where the channel takes them.
    """
    import apprise

    plugin = _plugin(channel.url.get_secret_value())
    if plugin is None:
        return "unknown address"
    plugin.overflow_mode = apprise.OverflowMode.SPLIT  # too long for the channel: several messages, instead of none
    formats = plugin.notify_format if isinstance(plugin.notify_format, tuple) else (plugin.notify_format,)
    as_html = formats[0] == apprise.NotifyFormat.HTML
    sender = apprise.Apprise(asset=plugin.asset)
    sender.add(plugin)
    result = sender.notify(
        body=html if as_html else text,
        title=title,
        notify_type=_NOTIFY_TYPE.get(severity, "info"),
        body_format=apprise.NotifyFormat.HTML if as_html else apprise.NotifyFormat.TEXT,
        timeout=SEND_TIMEOUT_S,
        attach=_attached(files, plugin.asset) if files else None,
    )
    # an address may say that its failures do not matter (optional=yes): here they do, so the attempts are asked
    attempts = [attempt.status for service in result.results for attempt in service.attempts[-1:]]
    if attempts and all(status == apprise.AppriseResultStatus.SUCCESS for status in attempts):
        return ""
    is_timeout = apprise.AppriseResultStatus.TIMEOUT in (result.status, *attempts)
    return "timeout" if is_timeout else "refused"


def _attached(files: Sequence[File], asset: Any) -> Any:
    """Return the files for Apprise, held in memory: none lies on disk while it is sent."""
    import apprise
    from apprise.attachment.memory import AttachMemory

    attached = apprise.AppriseAttachment(asset=asset)
    for one in files:
        attached.add(AttachMemory(content=one.content, name=one.name, mimetype="text/html"))  # type: ignore[no-untyped-call]
    return attached


_NOTIFY_TYPE = {CRITICAL: "failure", WARNING: "warning", INFO: "info"}


def _entries(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield from line.split()


def _plugin(url: str) -> Any:
    """Return a fresh Apprise plugin for the address, or None. A used one would wait seconds between two messages."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    asset = apprise.AppriseAsset(app_id=_APP, app_desc=_APP, async_mode=False, secure_logging=True)
    return apprise.Apprise.instantiate(url, asset=asset)
