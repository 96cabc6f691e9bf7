"""What a server stands on, whatever runs its workspaces: data folder, database, accounts, the command line's way in."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from vibecode import __version__
from vibecode.database.accounts import AccountRepository
from vibecode.database.engine import open_database
from vibecode.database.idempotency import IdempotencyRepository
from vibecode.domain.accounts import Role, SessionKind
from vibecode.domain.addresses import Addresses
from vibecode.domain.names import suggest_name
from vibecode.runtimes.base import ProcessReport, Runtime
from vibecode.runtimes.local.files import write_atomic
from vibecode.runtimes.local.layout import DataFolder
from vibecode.server.serving import cancel, every
from vibecode.services.accounts import Accounts
from vibecode.services.activity import CHECK_INTERVAL, Activity
from vibecode.services.agents import TokenVerifier
from vibecode.services.clock import wall_now
from vibecode.services.routing import WorkspaceRouter
from vibecode.services.workspaces import Workspaces
from vibecode.settings import Settings
from vibecode.templates.library import BUILTIN, TemplateLibrary
from vibecode.web.dependencies import EditorVersions, Services

EXPIRY_INTERVAL: Final = 15.0
"""Seconds between two looks for sessions whose time is over."""

_CLI_AGENT: Final = "vibecode command line on this machine"
_CLI_TOKEN_LIFETIME: Final = timedelta(days=3650)


class Foundation:
    """The parts that both kinds of server share.

    Parameters
    ----------
    settings
        What the operator set.
    folder
        The data folder, prepared and locked.
    addresses
        Returns the public addresses.
    """

    def __init__(self, settings: Settings, folder: DataFolder, *, addresses: Callable[[], Addresses]) -> None:
        self.settings = settings
        self.folder = folder
        self.addresses = addresses
        self.api_socket = folder.socket_folder(folder.root / "run", "server") / "api.sock"
        self.templates = TemplateLibrary(BUILTIN, folder.root / "templates")
        self.database = open_database(folder.root / "vibecode.db")
        self.accounts = Accounts(
            AccountRepository(self.database), now=wall_now, session_lifetime=timedelta(days=settings.session_days)
        )

    async def open(self, stack: contextlib.AsyncExitStack) -> None:
        """Open database and accounts; ``stack`` closes them."""
        stack.push_async_callback(self.database.close)
        await self.accounts.open()
        await self._ensure_admin()

    def watch_over(self, stack: contextlib.AsyncExitStack, activity: Activity) -> None:
        """Stop idle workspaces and end old sessions from now on, until ``stack`` ends."""
        for interval, work in ((CHECK_INTERVAL, activity.check), (EXPIRY_INTERVAL, self.accounts.expire)):
            stack.push_async_callback(cancel, asyncio.create_task(every(interval, work)))

    async def announce(self, stack: contextlib.AsyncExitStack) -> None:
        """Let the command line on this machine in, for as long as the server runs."""
        stack.enter_context(self._announced(await self._write_cli_token()))

    def services(
        self,
        *,
        runtime: Runtime,
        activity: Activity,
        router: WorkspaceRouter,
        agents: TokenVerifier,
        editors: EditorVersions,
        note_processes: Callable[[str, ProcessReport], None] | None = None,
    ) -> Services:
        """Return what the web application stands on."""
        return Services(
            accounts=self.accounts,
            workspaces=Workspaces(
                runtime, activity, IdempotencyRepository(self.database), user=self.accounts.user, now=wall_now
            ),
            activity=activity,
            agents=agents,
            router=router,
            templates=self.templates,
            editors=editors,
            addresses=self.addresses,
            runtime=runtime.name,
            default_idle_timeout=self.settings.idle_timeout or None,
            started_at=wall_now(),
            now=wall_now,
            note_processes=note_processes,
        )

    async def _ensure_admin(self) -> None:
        """Make the one who starts the first server its admin, named as on this machine."""
        if not self.accounts.users():
            await self.accounts.add_user(self._admin(), email=None, role=Role.ADMIN)

    async def _write_cli_token(self) -> Path:
        """Give the command line on this machine a new token, in a file that only the server's account can read."""
        admin = next(user for user in self.accounts.users() if user.is_admin)
        for session in self.accounts.sessions_of(admin.id):
            if session.kind is SessionKind.TOKEN and session.user_agent == _CLI_AGENT:
                await self.accounts.revoke(session.id)
        token = await self.accounts.create_token(admin.id, lifetime=_CLI_TOKEN_LIFETIME, user_agent=_CLI_AGENT)
        path = self.folder.root / "run" / "cli.token"
        write_atomic(path, token)
        return path

    @contextlib.contextmanager
    def _announced(self, token_file: Path) -> Iterator[None]:
        """Tell the command line, for as long as the server runs, where it is."""
        path = self.folder.root / "run" / "server.json"
        content = {
            "pid": os.getpid(),
            "url": self.addresses().dashboard,
            "domain": self.addresses().domain,
            "socket": str(self.api_socket),
            "token_file": str(token_file),
            "version": __version__,
        }
        write_atomic(path, json.dumps(content))
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def _admin(self) -> str:
        return self.settings.admin or suggest_name(_account_name())


def _account_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "admin-1"  # a user id without an entry in the system's user database
