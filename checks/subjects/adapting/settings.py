"""A dictionary of settings, such as conv_param, that has what is asked of it, whatever that is called there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checks.op import Op
from checks.subjects.adapting.roles import Role, role_of, switch


class Settings(dict[str, Any]):
    """A dictionary in which every usual name of a size or a parameter stands; `taken` are the roles that were asked for.

    `array` says what array has a name, None where none has.
    """

    def __init__(
        self, value: Callable[[str, Role], Any], op: Op | None = None, array: Callable[[str], Any] = lambda _: None
    ) -> None:
        super().__init__()
        self._value, self._op, self._array = value, op, array
        self.taken: dict[str, Role] = {}

    def __missing__(self, key: str) -> Any:
        if (array := self._array(key)) is not None:
            return array
        role = self._role(key)
        if role is None:
            raise KeyError(key)
        self.taken[key] = role
        return self._value(key, role)

    def __contains__(self, key: object) -> bool:
        if super().__contains__(key) or not isinstance(key, str):
            return super().__contains__(key)
        return self._array(key) is not None or self._role(key) is not None

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default where nothing of ours has that name."""
        return self[key] if key in self else default  # noqa: SIM401, its own __contains__ and __missing__ are the point

    def pop(self, key: str, *default: Any) -> Any:
        """The value, which stays."""
        return self.get(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value, or the default, which is kept."""
        if key not in self:
            self[key] = default
        return self[key]

    def _role(self, key: str) -> Role | None:
        if self._op is None:
            return None
        return switch(self._op, key) or role_of(self._op, key)
