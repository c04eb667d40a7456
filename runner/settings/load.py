"""Merges flags, the environment and midnight.toml, and records the origin of each setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from runner.errors import ConfigError
from runner.language import _
from runner.settings.config_file import AccountSettings, ConfigFile, RunSettings
from runner.settings.notify import NotifySettings
from runner.settings.paths import DEFAULT, anchored, config_path, db_path, variable
from runner.settings.provider import ProviderTable
from runner.settings.serve import ServeSettings
from runner.settings.tokens import default_token
from runner.tomlfile import TomlFile, did_you_mean, first_message, listed

_CONFIG_FILE = TomlFile(
    model=ConfigFile,
    error=ConfigError,
    noun=_("configuration file"),
    remedy=_("correct them, or rename the file to go on without it"),
)
_RUN_VARIABLES = {
    "pace": "MIDNIGHT_PACE",
    "max_concurrency": "MIDNIGHT_MAX_CONCURRENCY",
    "transport": "MIDNIGHT_TRANSPORT",
}
_ACCOUNT_VARIABLES = {"base_url": "MIDNIGHT_BASE_URL"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration.

    Attributes:
        db: The database, as an absolute path.
        accounts: All accounts by name, in the file's order; never empty.
        used: The names of the accounts that are used, the preferred one first.
        run: The options of a run.
        config: The file that was read, as an absolute path, or None.
        origins: The origin of each setting (``db``, ``run.pace``): ``flag --db``,
            ``environment MIDNIGHT_DB``, a file's path, or ``default``.
        providers: The user's changes to presets, or providers without a preset, by name.
        serve: The options of the server, and of its clients.
        notify: The recipients of events.
    """

    db: Path
    accounts: Mapping[str, AccountSettings]
    used: tuple[str, ...]
    run: RunSettings
    config: Path | None
    origins: Mapping[str, str]
    providers: Mapping[str, ProviderTable] = field(default_factory=dict)
    serve: ServeSettings = field(default_factory=ServeSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)

    @property
    def account(self) -> str:
        """The name of the preferred account."""
        return self.used[0]


def load_settings(
    *,
    db: Path | None,
    config: Path | None,
    account: str | None,
    environ: Mapping[str, str],
    cwd: Path,
) -> Settings:
    """Reads and merges the configuration; an empty variable counts as not set.

    Args:
        db: The flag ``--db``.
        config: The flag ``--config``.
        account: The flag ``--account``.
        environ: The environment.
        cwd: The folder in which relative paths start, and the first to have midnight.toml.

    Raises:
        ConfigError: A setting is invalid; the error names its origin.
    """
    origins: dict[str, str] = {}
    path, origins["config"] = config_path(config, environ, cwd)
    file = _CONFIG_FILE.load(path) if path else ConfigFile()
    database, origins["db"] = db_path(db, environ, cwd)
    accounts = _accounts(file, path, environ)
    origins["accounts"] = str(path) if file.accounts else DEFAULT
    used, origins["account"] = _used(account, file.run, path, accounts, environ)
    overrides = _from_environment(AccountSettings, _ACCOUNT_VARIABLES, environ)
    accounts[used[0]] = accounts[used[0]].model_copy(update=overrides)
    origins |= {f"accounts.{used[0]}.{key}": variable(_ACCOUNT_VARIABLES[key]) for key in overrides}
    run_overrides = _from_environment(RunSettings, _RUN_VARIABLES, environ)
    origins |= _run_origins(file.run, path, run_overrides)
    return Settings(
        db=database,
        accounts=MappingProxyType(accounts),
        used=used,
        run=file.run.model_copy(update=run_overrides),
        config=path,
        origins=MappingProxyType(origins),
        providers=MappingProxyType(file.providers),
        serve=file.serve,
        notify=file.notify,
    )


def _accounts(
    file: ConfigFile, path: Path | None, environ: Mapping[str, str]
) -> dict[str, AccountSettings]:
    if path is None or not file.accounts:
        return {"modelscope": AccountSettings(token=default_token(environ))}
    return {name: _with_token_path(account, path.parent) for name, account in file.accounts.items()}


def _with_token_path(account: AccountSettings, folder: Path) -> AccountSettings:
    """Makes the path of a token file absolute; it is relative to the configuration file."""
    scheme, _, name = (account.token or "").partition(":")
    if scheme != "file":
        return account
    return account.model_copy(update={"token": f"file:{anchored(Path(name), folder)}"})


def _used(
    flag: str | None,
    run: RunSettings,
    path: Path | None,
    accounts: Mapping[str, AccountSettings],
    environ: Mapping[str, str],
) -> tuple[tuple[str, ...], str]:
    """Returns the names of the accounts to use, and the origin of that setting.

    By default only the first account is used, because calls of another may cost money.
    """
    names: tuple[str, ...]
    if flag is not None:
        names, origin = (flag,), _("flag --account")
    elif named := environ.get("MIDNIGHT_ACCOUNT"):
        names, origin = (named,), variable("MIDNIGHT_ACCOUNT")
    elif run.accounts:
        names, origin = tuple(dict.fromkeys(run.accounts)), f"{path}: [run] accounts"
    else:
        return (next(iter(accounts)),), DEFAULT
    for name in names:
        if name not in accounts:
            near = did_you_mean(name, accounts) or _("name another:")
            remedy = _("{near} the accounts are {accounts}").format(
                near=near, accounts=listed(accounts)
            )
            raise ConfigError(
                _('unknown account "{name}"').format(name=name), where=origin, remedy=remedy
            )
    return names, origin


def _run_origins(
    run: RunSettings, path: Path | None, overrides: Mapping[str, Any]
) -> dict[str, str]:
    from_file = {key: str(path) for key in run.model_fields_set}
    from_variables = {key: variable(_RUN_VARIABLES[key]) for key in overrides}
    origins = dict.fromkeys(_RUN_VARIABLES, DEFAULT) | from_file | from_variables
    return {f"run.{key}": origin for key, origin in origins.items()}


def _from_environment(
    model: type[BaseModel], variables: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, Any]:
    """Returns the fields of `model` whose variables are set, validated by the model."""
    values: dict[str, Any] = {}
    for key, name in variables.items():
        if text := environ.get(name):
            try:
                values[key] = getattr(model.model_validate_strings({key: text}), key)
            except ValidationError as error:
                remedy = _("correct the value, or unset the variable")
                raise ConfigError(
                    first_message(error), where=variable(name), remedy=remedy
                ) from error
    return values
