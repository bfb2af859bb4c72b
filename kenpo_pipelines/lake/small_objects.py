"""The lake's small objects (manifests, memories), asked of the store each time, or once for many questions.

What lives here: what one thread knows of them while it takes one look. What does not: what they say (``manifest``). Outside of
a look every question is a request. Inside, the first question about a layer lists it, the first about a month fetches what is
not known of that month in the layer, all at once, and bodies of an etag that was seen before are not fetched again.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kenpo_pipelines.lake.store import LakeStore

_BODIES_KNOWN = 20_000
"""By how many a process remembers; each is a kilobyte or two."""


@dataclass
class _Look:
    layers: dict[str, dict[str, str]] = field(default_factory=dict)
    """By layer, the etag of every small object when the layer was listed."""
    own: dict[str, tuple[bytes | None, str | None]] = field(default_factory=dict)
    """What was put, or fetched anew, since then, and its etag; None where there is nothing."""


class SmallObjects:
    """Keys are ``<layer>/<name>/<kind>=<YYYY-MM>.json``."""

    def __init__(self, store: LakeStore) -> None:
        self._store = store
        self._local = threading.local()
        self._bodies: dict[tuple[str, str], bytes] = {}

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Answer in this thread from one look until the block ends; a look inside another is the same one."""
        if self._look is not None:
            yield
            return
        self._local.look = _Look()
        try:
            yield
        finally:
            self._local.look = None

    def get(self, key: str) -> bytes | None:
        """Return an object's body; None where there is none."""
        look = self._look
        if look is None:
            return self._store.get(key)
        if key in look.own:
            return look.own[key][0]
        etag = self._listed(look, key).get(key)
        return None if etag is None else self._body(look, key, etag)

    def known(self, key: str, *, anew: bool = False) -> tuple[bytes | None, str | None]:
        """Return body and etag, as a put over them needs: of this look unless they are to be asked ``anew``.

        The body may be a later one than the etag's; a put over the etag is then refused.
        """
        look = self._look
        if look is not None and not anew:
            if key in look.own:
                body, etag = look.own[key]
                if etag != "":
                    return body, etag
            else:
                listed = self._listed(look, key)
                return (self.get(key), listed[key]) if key in listed else (None, None)
        etag = self._store.etag(key)
        found = None if etag is None else self._store.get(key)
        self._note(key, found, None if found is None else etag)
        return found, None if found is None else etag

    def put(self, key: str, body: bytes) -> None:
        """Put an object over whatever is there."""
        self._note(key, body, self._store.put(key, body))

    def put_over(self, key: str, body: bytes, etag: str | None) -> bool:
        """Put an object over the one of that etag (None: where there is none); False when another is there."""
        new = self._store.put_over(key, body, etag)
        if new is not None:
            self._note(key, body, new)
        return new is not None

    def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
        self._store.remove([key])
        self._note(key, None, None)

    def months(self, layer: str, name: str, kind: str) -> list[str]:
        """Return the months of which there is an object of the kind, ascending."""
        prefix = f"{layer}/{name}/{kind}="
        look = self._look
        if look is None:
            keys = set(self._store.find(f"{layer}/{name}"))
        else:
            keys = set(self._listed(look, prefix))
            keys |= {key for key, (body, _) in look.own.items() if body is not None}
            keys -= {key for key, (body, _) in look.own.items() if body is None}
        return sorted(key.removeprefix(prefix).removesuffix(".json") for key in keys if key.startswith(prefix))

    @property
    def _look(self) -> _Look | None:
        return getattr(self._local, "look", None)

    def _note(self, key: str, body: bytes | None, etag: str | None) -> None:
        if (look := self._look) is not None:
            look.own[key] = (body, etag)

    def _listed(self, look: _Look, key: str) -> dict[str, str]:
        layer = key.partition("/")[0]
        if layer not in look.layers:
            look.layers[layer] = {found: one.etag for found, one in self._store.find(layer).items()}
        return look.layers[layer]

    def _body(self, look: _Look, key: str, etag: str) -> bytes | None:
        known = self._bodies.get((key, etag))
        if known is not None:
            return known
        month = key.rpartition("=")[2]
        wanted = {
            other: tag
            for other, tag in look.layers[key.partition("/")[0]].items()
            if other.endswith(f"={month}") and other not in look.own and (other, tag) not in self._bodies
        }
        found = self._store.get_many([*{key: etag, **wanted}])
        if len(self._bodies) > _BODIES_KNOWN:
            self._bodies.clear()  # other threads may be asking
        self._bodies.update({(other, tag): found[other] for other, tag in wanted.items() if tag and other in found})
        return found.get(key)
