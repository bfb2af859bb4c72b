"""Where one partition of a lake in an object store is: the keys of its objects.

What lives here: names. What does not: what is stored under them (``manifest``, ``commits``).
"""

from dataclasses import dataclass

from kenpo_pipelines import fiscal

VERSIONS = ".versions"


@dataclass(frozen=True)
class Place:
    """One partition. Raises :class:`fiscal.NotAMonth`."""

    layer: str
    name: str
    month: str

    def __post_init__(self) -> None:
        fiscal.split_month(self.month)

    def __str__(self) -> str:
        return f"{self.layer}/{self.name} month {self.month}"

    @property
    def manifest(self) -> str:
        """Key of the object that says which version is the current one."""
        return f"{self.layer}/{self.name}/month={self.month}.json"

    @property
    def memory(self) -> str:
        """Key of the object that says from what it was made."""
        return f"{self.layer}/{self.name}/made={self.month}.json"

    @property
    def aside(self) -> str:
        """Key of what its writer put aside."""
        return f"{self.layer}/{self.name}/aside={self.month}.json"

    @property
    def versions(self) -> str:
        """Folder of its versions' folders."""
        return f"{VERSIONS}/{self.layer}/{self.name}/{self.month}"


def place_of(path: str) -> Place | None:
    """Return the partition to which an object of a version belongs; None for a path that is none of the lake's."""
    parts = path.split("/")
    try:
        return Place(*parts[1:4]) if len(parts) > 5 and parts[0] == VERSIONS else None
    except fiscal.NotAMonth:
        return None


def folder_of(path: str) -> str:
    """Return the version's folder of an object: engines may make folders below it."""
    return "/".join(path.split("/")[:5])
