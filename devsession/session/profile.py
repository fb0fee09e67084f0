"""What a session begins with, as one value that can be checked, kept in a file and applied again."""

from __future__ import annotations

import ast
import base64
import binascii
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from devsession.board.connection import EXEC_TIMEOUT
from devsession.errors import UsageError
from devsession.methods.arguments import encode
from devsession.protocol import source as sources
from devsession.session import imports
from devsession.session.device import checked_name
from devsession.session.files import paths


def _content(value: Any, info: ValidationInfo) -> Any:
    """Return the bytes that a file is to have; relative paths of sources begin where the profile was read."""
    match value:
        case str():
            return value.encode()
        case Path():
            return _read(value, info)
        case {"text": str(text), **rest} if not rest:
            return text.encode()
        case {"source": str(source), **rest} if not rest:
            return _read(Path(source), info)
        case {"base64": str(text), **rest} if not rest:
            try:
                return base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise ValueError(f"no base64: {error}") from None
        case dict():
            raise ValueError("a file has either text, source or base64")
    return value


def _read(path: Path, info: ValidationInfo) -> bytes:
    folder = (info.context or {}).get("folder", Path())
    try:
        return Path(folder, path).read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None


class SessionProfile(BaseModel):
    """The state a session begins with: checked as a whole when it is made, applied when a session is entered or first used.

    ``modules`` are imported, ``variables`` defined, and unless ``given`` is off two more: ``DEVSESSION_VERSION``, ``SESSION_STARTED``
    (host time, ISO 8601). ``files`` are put on the board where they are not there already, given as bytes, text, a ``Path`` of this
    host, or a table with one of ``text``, ``source``, ``base64``; they stay there. ``setup`` runs then, for ``setup_timeout`` seconds at
    most, ``teardown`` at the session's end. ``shared`` names SharedVariables of the manager to use. With ``allowed_imports`` programs
    and methods of the session may import those modules, their submodules and ``modules``, and nothing else: a guard rail, looked at on
    the host, and no sandbox.

    Raises pydantic's ValidationError, a ValueError, which names each field that is wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    modules: tuple[str, ...] = ()
    variables: dict[str, Any] = {}
    files: dict[str, Annotated[bytes, BeforeValidator(_content)]] = {}
    setup: str = ""
    setup_timeout: float = Field(default=EXEC_TIMEOUT, gt=0)
    teardown: str = ""
    shared: tuple[str, ...] = ()
    allowed_imports: frozenset[str] | None = None
    given: bool = True

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a profile from a TOML or a JSON file, by its name's end; raises UsageError that names the line or the field."""
        path = Path(path)
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}", phase="profile") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not UTF-8 text", phase="profile") from error
        return cls.parse(text, name=str(path), folder=path.parent)

    @classmethod
    def parse(cls, text: str, *, name: str = "profile.toml", folder: Path = Path()) -> Self:
        """Read a profile from the text of a TOML or a JSON file that is called ``name``, as ``load`` does."""
        readers = {".toml": tomllib.loads, ".json": json.loads}
        reader = readers.get(Path(name).suffix.lower())
        if reader is None:
            raise UsageError(f"{name}: a profile is a .toml or a .json file", phase="profile")
        try:
            return cls.model_validate(reader(text), context={"folder": folder})
        except ValidationError as error:
            raise UsageError(f"{name}: {_told(error)}", phase="profile") from error
        except ValueError as error:
            # Both readers tell line and column.
            raise UsageError(f"{name}: {error}", phase="profile") from error

    def may_import(self) -> frozenset[str] | None:
        """Return the modules that programs may import, ``None`` for all."""
        return None if self.allowed_imports is None else self.allowed_imports | set(self.modules)

    # What is checked

    @field_validator("modules", "allowed_imports")
    @classmethod
    def _are_modules(cls, modules: Any) -> Any:
        for module in modules or ():
            for part in module.split("."):
                checked_name(part)
        return modules

    @field_validator("shared")
    @classmethod
    def _are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            checked_name(name)
        return names

    @field_validator("variables")
    @classmethod
    def _can_be_sent(cls, variables: dict[str, Any]) -> dict[str, Any]:
        for name, value in variables.items():
            encode(value, name=checked_name(name))
        return variables

    @field_validator("files")
    @classmethod
    def _are_paths(cls, files: dict[str, bytes]) -> dict[str, bytes]:
        for path in files:
            paths.checked(path)
        return files

    @field_validator("setup", "teardown")
    @classmethod
    def _is_code(cls, code: str) -> str:
        code = sources.normalise(code)
        try:
            ast.parse(code)
        except SyntaxError as error:
            raise ValueError(f"line {error.lineno}: {error.msg}") from None
        return code

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if both := sorted(set(self.variables) & set(self.shared)):
            raise ValueError(f"{', '.join(both)}: either a variable or a shared one")
        allowed = self.may_import()
        if allowed is not None:
            imports.check(self.setup, allowed, "setup")
            imports.check(self.teardown, allowed, "teardown")
        return self


def _told(error: ValidationError) -> str:
    """Return every field that is wrong, and why."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    )
