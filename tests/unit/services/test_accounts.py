"""Users, sign-in and sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vibecode.database.accounts import AccountRepository
from vibecode.database.engine import open_database
from vibecode.domain.accounts import LOGIN_LINK_LIFETIME, TICKET_LIFETIME, Role, Session
from vibecode.domain.errors import Conflict, Gone, InvalidInput, InvalidName, NameTaken, NotFound
from vibecode.domain.secrets import hash_secret
from vibecode.services.accounts import Accounts

DASHBOARD = "http://vibecode.localhost:8000"
ALICE = "http://alice.vibecode.localhost:8000"
BOB = "http://bob.vibecode.localhost:8000"


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, span: timedelta) -> None:
        self.time += span


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def accounts(tmp_path: Path, clock: Clock) -> AsyncIterator[Accounts]:
    database = open_database(tmp_path / "test.db")
    opened = Accounts(AccountRepository(database), now=clock, session_lifetime=timedelta(days=30))
    await opened.open()
    await opened.add_user("alice", email="alice@example.org", role=Role.ADMIN)
    yield opened
    await database.close()


async def make_link(accounts: Accounts, user: str = "alice", *, origin: str = DASHBOARD) -> tuple[str, datetime]:
    """Make a link as the command line does, which has a token."""
    secret = await accounts.create_token("alice", lifetime=timedelta(days=1), user_agent="test")
    maker = accounts.find_token(secret)
    assert maker is not None
    return await accounts.create_login_link(user, origin=origin, maker=maker.id)


async def sign_in(accounts: Accounts, user: str = "alice") -> tuple[str, Session]:
    token, _ = await make_link(accounts, user)
    return await accounts.sign_in(token, origin=DASHBOARD, user_agent="test")


async def test_a_link_signs_in_once(accounts: Accounts) -> None:
    token, _ = await make_link(accounts)
    secret, session = await accounts.sign_in(token, origin=DASHBOARD, user_agent="test")
    assert accounts.find([secret], origin=DASHBOARD) == session
    with pytest.raises(Gone):
        await accounts.sign_in(token, origin=DASHBOARD, user_agent="test")


async def test_a_link_expires(accounts: Accounts, clock: Clock) -> None:
    token, expires_at = await make_link(accounts)
    assert expires_at == clock() + LOGIN_LINK_LIFETIME
    clock.pass_(LOGIN_LINK_LIFETIME)
    with pytest.raises(Gone):
        await accounts.sign_in(token, origin=DASHBOARD, user_agent="test")


@pytest.mark.parametrize("secret", ["", "x", "A" * 43])
async def test_a_forged_secret_proves_nothing(accounts: Accounts, secret: str) -> None:
    await sign_in(accounts)
    assert accounts.find([secret], origin=DASHBOARD) is None
    assert accounts.find_token(secret) is None


async def test_a_session_is_good_for_its_own_origin_only(accounts: Accounts) -> None:
    secret, _ = await sign_in(accounts)
    assert accounts.find([secret], origin=ALICE) is None
    assert accounts.find_token(secret) is None


async def test_a_session_expires(accounts: Accounts, clock: Clock) -> None:
    secret, session = await sign_in(accounts)
    ended: list[str] = []
    accounts.on_revoked(ended.append)
    clock.pass_(timedelta(days=30))
    assert accounts.find([secret], origin=DASHBOARD) is None
    await accounts.expire()
    assert session.id in ended


async def test_a_planted_second_session_counts_for_nothing(accounts: Accounts) -> None:
    await accounts.add_user("mallory", email=None, role=Role.MEMBER)
    own, session = await sign_in(accounts)
    planted, _ = await sign_in(accounts, "mallory")
    assert accounts.find([own, planted], origin=DASHBOARD) is None
    assert accounts.find([own, "rubbish"], origin=DASHBOARD) == session


async def ticket_for(accounts: Accounts, session: Session, *, binding: str = "cookie") -> str:
    return await accounts.create_ticket(session, origin=ALICE, binding_hash=hash_secret(binding))


async def test_a_ticket_leads_into_its_origin_once(accounts: Accounts) -> None:
    _, parent = await sign_in(accounts)
    ticket = await ticket_for(accounts, parent)
    secret, session = await accounts.redeem_ticket(ticket, origin=ALICE, bindings=["cookie"], user_agent="test")
    assert accounts.find([secret], origin=ALICE) == session
    assert accounts.find([secret], origin=BOB) is None
    assert session.expires_at == parent.expires_at
    with pytest.raises(Gone):
        await accounts.redeem_ticket(ticket, origin=ALICE, bindings=["cookie"], user_agent="test")


async def test_a_ticket_is_bound_to_origin_browser_and_time(accounts: Accounts, clock: Clock) -> None:
    _, parent = await sign_in(accounts)
    for origin, bindings in ((BOB, ["cookie"]), (ALICE, ["another"]), (ALICE, [])):
        with pytest.raises(Gone):
            await accounts.redeem_ticket(
                await ticket_for(accounts, parent), origin=origin, bindings=bindings, user_agent="test"
            )
    late = await ticket_for(accounts, parent)
    clock.pass_(TICKET_LIFETIME)
    with pytest.raises(Gone):
        await accounts.redeem_ticket(late, origin=ALICE, bindings=["cookie"], user_agent="test")


async def test_a_link_is_no_ticket_and_a_ticket_no_link(accounts: Accounts) -> None:
    _, parent = await sign_in(accounts)
    link, _ = await make_link(accounts, origin=ALICE)
    with pytest.raises(Gone):
        await accounts.redeem_ticket(link, origin=ALICE, bindings=["", "cookie"], user_agent="test")
    ticket = await ticket_for(accounts, parent)
    with pytest.raises(Gone):
        await accounts.sign_in(ticket, origin=ALICE, user_agent="test")


async def test_revoking_ends_what_was_made_from_it(accounts: Accounts) -> None:
    secret, parent = await sign_in(accounts)
    child_secret, child = await accounts.redeem_ticket(
        await ticket_for(accounts, parent), origin=ALICE, bindings=["cookie"], user_agent="test"
    )
    pending = await ticket_for(accounts, parent)
    ended: list[str] = []
    accounts.on_revoked(ended.append)
    await accounts.revoke(parent.id)
    assert set(ended) == {parent.id, child.id}
    assert accounts.find([secret], origin=DASHBOARD) is None
    assert accounts.find([child_secret], origin=ALICE) is None
    with pytest.raises(Gone):
        await accounts.redeem_ticket(pending, origin=ALICE, bindings=["cookie"], user_agent="test")
    await accounts.revoke(parent.id)


async def test_sessions_outlive_the_server(tmp_path: Path, accounts: Accounts, clock: Clock) -> None:
    secret, session = await sign_in(accounts)
    database = open_database(tmp_path / "test.db")
    again = Accounts(AccountRepository(database), now=clock, session_lifetime=timedelta(days=30))
    await again.open()
    found = again.find([secret], origin=DASHBOARD)
    await database.close()
    assert found == session


async def test_no_secret_is_stored(tmp_path: Path, accounts: Accounts) -> None:
    secret, parent = await sign_in(accounts)
    link, _ = await make_link(accounts)
    ticket = await ticket_for(accounts, parent)
    token = await accounts.create_token("alice", lifetime=timedelta(days=1), user_agent="test")
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for value in (secret, link, ticket, token):
        assert value.encode() not in stored


async def test_users(accounts: Accounts) -> None:
    await accounts.add_user("bob", email=None, role=Role.MEMBER)
    with pytest.raises(NameTaken):
        await accounts.add_user("bob", email=None, role=Role.MEMBER)
    with pytest.raises(InvalidName):
        await accounts.add_user("Bob", email=None, role=Role.MEMBER)
    with pytest.raises(InvalidInput):
        await accounts.add_user("carol", email="no address", role=Role.MEMBER)
    secret, _ = await sign_in(accounts, "bob")
    await accounts.remove_user("bob")
    assert accounts.find([secret], origin=DASHBOARD) is None
    with pytest.raises(NotFound):
        await make_link(accounts, "bob")
    with pytest.raises(Conflict, match="only admin"):
        await accounts.remove_user("alice")


async def test_links_of_a_session_end_with_it(accounts: Accounts) -> None:
    _, thief = await sign_in(accounts)
    link, _ = await accounts.create_login_link("alice", origin=DASHBOARD, maker=thief.id)
    await accounts.revoke(thief.id)
    with pytest.raises(Gone):
        await accounts.sign_in(link, origin=DASHBOARD, user_agent="test")


class SlowStore(AccountRepository):
    """A store in which something happens before a session is written."""

    before: Callable[[], Awaitable[None]] | None = None
    after: Callable[[], Awaitable[None]] | None = None

    async def add_session(self, session: Session) -> None:
        if self.before is not None:
            await self.before()
        await super().add_session(session)
        if self.after is not None:
            await self.after()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_sign_out_while_a_workspace_is_entered_wins(tmp_path: Path, clock: Clock, when: str) -> None:
    database = open_database(tmp_path / "race.db")
    store = SlowStore(database)
    accounts = Accounts(store, now=clock, session_lifetime=timedelta(days=30))
    await accounts.add_user("alice", email=None, role=Role.ADMIN)
    _, parent = await sign_in(accounts)
    ticket = await ticket_for(accounts, parent)
    setattr(store, when, lambda: accounts.revoke(parent.id))
    with pytest.raises(Gone):
        await accounts.redeem_ticket(ticket, origin=ALICE, bindings=["cookie"], user_agent="test")
    assert [session.parent for session in await store.sessions()] == [None]
    await database.close()
