"""The headers of a request, as they came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Headers"]


class Headers:
    """Headers by name, in any case. One may stand several times. Nothing of them but the signatures is signed."""

    __slots__ = ("_by_name", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = [(name.lower(), value) for name, value in pairs]
        self._by_name: dict[str, list[str]] = {}
        for name, value in self._pairs:
            self._by_name.setdefault(name, []).append(value)

    def get(self, name: str, default: str = "") -> str:
        """The first value of that name."""
        values = self._values(name.lower())
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        """Every value of that name, in order."""
        return self._values(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self._values(name.lower()))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Pairs of a lower-case name and a value."""
        return iter(self._listed())

    def __len__(self) -> int:
        return len(self._listed())

    # A server has its headers in a form of its own already, and few of them are asked for: who knows that form
    # overrides these two, and takes out what is asked for alone.

    def _values(self, name: str) -> list[str]:
        """The values of a name in lower case."""
        return self._by_name.get(name, [])

    def _listed(self) -> list[tuple[str, str]]:
        return self._pairs
