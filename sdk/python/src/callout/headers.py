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
        values = self._by_name.get(name.lower())
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        """Every value of that name, in order."""
        return self._by_name.get(name.lower(), [])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Pairs of a lower-case name and a value."""
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)
