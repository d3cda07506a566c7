"""The services that the workflows of the corpus use, each reduced to what can go wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Fake, FakeError, tool

__all__ = [
    "Approvals",
    "Cars",
    "Cluster",
    "Flights",
    "Hotels",
    "Jobs",
    "Ledger",
    "Locks",
    "Mail",
    "Pager",
    "Phone",
    "Pool",
    "Prices",
    "Queue",
    "Replica",
    "Seats",
    "Sms",
    "Store",
    "Uploads",
    "Vault",
]

Row = dict[str, str]


@dataclass
class Pager(Fake):
    """Wakes people up."""

    pages: list[str] = field(default_factory=list[str])

    @tool(idempotent=True)
    def page(self, text: str) -> Row:
        """Page whoever is on call; the same text pages once."""
        if text not in self.pages:
            self.pages.append(text)
        return {"paged": text}


class Mail(Pager):
    """Writes to people."""


class Sms(Pager):
    """Texts people."""


class Phone(Pager):
    """Calls people."""


@dataclass
class _Bookings(Fake):
    booked: list[str] = field(default_factory=list[str])
    cancelled: list[str] = field(default_factory=list[str])

    @tool(idempotent=True)
    def book(self, order: str) -> Row:
        """Book once for an order."""
        if order in self.cancelled:
            raise FakeError(f"{order} was cancelled")
        if order not in self.booked:
            self.booked.append(order)
        return {"booked": order}

    @tool(idempotent=True)
    def cancel(self, order: str) -> Row:
        """Cancel what was booked for an order, and whatever may yet arrive for it."""
        self.booked = [each for each in self.booked if each != order]
        if order not in self.cancelled:
            self.cancelled.append(order)
        return {"cancelled": order}


class Flights(_Bookings):
    """Seats in aeroplanes."""


class Hotels(_Bookings):
    """Rooms."""


class Cars(_Bookings):
    """Cars for rent."""


@dataclass
class Cluster(Fake):
    """Runs one version of each application."""

    versions: Row = field(default_factory=Row)
    generations: dict[str, int] = field(default_factory=dict[str, int])
    deployed_at: list[float] = field(default_factory=list[float])

    @tool(idempotent=True)
    def deploy(self, app: str, version: str, generation: int) -> Row:
        """Run a version of an application, unless a later generation was asked for already."""
        if generation < self.generations.get(app, 0):
            raise FakeError(f"{app} is at generation {self.generations[app]}, {generation} is older")
        self.generations[app], self.versions[app] = generation, version
        self.deployed_at.append(self.clock.now())
        return {"app": app, "version": version}

    @tool(idempotent=True)
    def rollback(self, app: str, version: str, generation: int) -> Row:
        """Go back to a version."""
        return self.deploy(app, version, generation)


@dataclass
class Ledger(Fake):
    """Amounts by text and, if the caller gives one, by key, under which nothing is posted twice."""

    posted: list[str] = field(default_factory=list[str])
    keys: list[str] = field(default_factory=list[str])

    @tool()
    def post(self, text: str, key: str = "") -> Row:
        """Post an entry."""
        if not key or key not in self.keys:
            self.posted.append(text)
            self.keys.append(key)
        return {"posted": text}


class North(Ledger):
    """The ledger of one bank."""


class South(Ledger):
    """The ledger of another bank."""


@dataclass
class Store(Fake):
    """Values by key, each with the number of times it was written."""

    values: Row = field(default_factory=Row)
    writes: dict[str, int] = field(default_factory=dict[str, int])

    @tool(reads=True)
    def get(self, key: str) -> Row:
        """The value of a key, empty if there is none, and its version."""
        return {"value": self.values.get(key, ""), "version": str(self.writes.get(key, 0))}

    @tool(idempotent=True)
    def put(self, key: str, value: str) -> Row:
        """Write a value, whatever was there."""
        self.values[key] = value
        self.writes[key] = self.writes.get(key, 0) + 1
        return {"version": str(self.writes[key])}

    @tool(idempotent=True)
    def put_if(self, key: str, value: str, version: str) -> Row:
        """Write a value if the key still has this version."""
        if version != str(self.writes.get(key, 0)):
            raise FakeError(f"{key} has version {self.writes.get(key, 0)}, not {version}")
        return self.put(key, value)


class Settings(Store):
    """What operators have set."""


class Cache(Store):
    """Copies of what is elsewhere."""


class Secondary(Store):
    """A copy of the store in another zone."""


@dataclass
class Locks(Fake):
    """Locks by name, each with its holder; a holder that has released can never hold again."""

    holders: Row = field(default_factory=Row)
    gone: list[str] = field(default_factory=list[str])

    @tool(idempotent=True)
    def acquire(self, name: str, holder: str) -> Row:
        """Take a lock that is free, or that one has already."""
        if holder in self.gone:
            raise FakeError(f"{holder} is gone")
        if self.holders.setdefault(name, holder) != holder:
            raise FakeError(f"{name} is held by {self.holders[name]}")
        return {"holder": holder}

    @tool(idempotent=True)
    def release(self, holder: str) -> Row:
        """Give up all that a holder has, or may yet get."""
        self.holders = {name: each for name, each in self.holders.items() if each != holder}
        if holder not in self.gone:
            self.gone.append(holder)
        return {"gone": holder}


@dataclass
class Pool(Fake):
    """Connections by owner; an owner that has closed can never open again."""

    opened: list[str] = field(default_factory=list[str])
    closed: list[str] = field(default_factory=list[str])

    @tool(idempotent=True)
    def connect(self, owner: str) -> Row:
        """Open a connection; there are three."""
        if owner in self.closed:
            raise FakeError(f"{owner} has closed")
        if owner not in self.opened:
            if len(self.opened) == 3:
                raise FakeError(f"all connections are taken, by {', '.join(self.opened)}")
            self.opened.append(owner)
        return {"owner": owner}

    @tool(reads=True)
    def query(self, owner: str) -> Row:
        """Ask something over an open connection."""
        if owner not in self.opened:
            raise FakeError(f"{owner} has no connection")
        return {"answer": owner}

    @tool(idempotent=True)
    def close(self, owner: str) -> Row:
        """Close an owner's connection, and any that may yet be opened for it."""
        self.opened = [each for each in self.opened if each != owner]
        if owner not in self.closed:
            self.closed.append(owner)
        return {"closed": owner}


class Replica(Pool):
    """Connections to the copy."""


class Uploads(Pool):
    """Uploads in parts; one that is neither completed nor aborted is paid for by the hour."""

    @tool(idempotent=True)
    def part(self, owner: str, number: int) -> Row:
        """Send a part."""
        return {"part": str(number), **self.query(owner)}

    @tool(idempotent=True)
    def complete(self, owner: str) -> Row:
        """Put the parts together."""
        if owner in self.closed:
            return {"closed": owner}
        self.query(owner)
        return self.close(owner)


@dataclass
class Approvals(Fake):
    """Changes that people approve: each says yes or no, `decides_after` seconds after they were asked."""

    decides_after: float = 25.0
    refused: list[str] = field(default_factory=list[str])
    asked: dict[str, float] = field(default_factory=dict[str, float])
    revisions: Row = field(default_factory=Row)

    @tool(idempotent=True)
    def request(self, change: str, revision: str) -> Row:
        """Ask for an approval of a revision; the approval of an earlier one lapses."""
        if self.revisions.get(change) != revision:
            self.revisions[change], self.asked[change] = revision, self.clock.now()
        return {"requested": change}

    @tool(reads=True)
    def decision(self, change: str) -> Row:
        """What was decided, and about which revision."""
        if change not in self.asked:
            return {"state": "unknown", "revision": ""}
        revision = self.revisions[change]
        return {"state": self.state(change, revision), "revision": revision}

    def state(self, change: str, revision: str) -> str:
        if self.clock.now() < self.asked[change] + self.decides_after:
            return "pending"
        return "refused" if f"{change}/{revision}" in self.refused else "approved"


@dataclass
class Jobs(Fake):
    """Jobs by key; each is done 20 seconds after it was started."""

    started: dict[str, float] = field(default_factory=dict[str, float])

    @tool(idempotent=True)
    def start(self, key: str) -> Row:
        """Start a job once."""
        self.started.setdefault(key, self.clock.now())
        return {"job": key}

    @tool(reads=True)
    def state(self, key: str) -> Row:
        """Whether a job is done."""
        if key not in self.started:
            raise FakeError(f"no job {key}")
        return {"state": "done" if self.clock.now() >= self.started[key] + 20 else "running"}


@dataclass
class Prices(Fake):
    """What things cost."""

    @tool(reads=True)
    def quote(self, item: str) -> Row:
        """The price of an item."""
        return {"price": f"{len(item)}-{item}"}


@dataclass
class Queue(Fake):
    """Messages, each taken again and again until it is acknowledged."""

    messages: list[str] = field(default_factory=list[str])

    @tool(reads=True)
    def take(self) -> Row:
        """The first message, empty if there is none."""
        return {"message": self.messages[0] if self.messages else ""}

    @tool(idempotent=True)
    def acknowledge(self, message: str) -> Row:
        """Forget a message."""
        self.messages = [each for each in self.messages if each != message]
        return {"acknowledged": message}


@dataclass
class Seats(Fake):
    """One last seat."""

    sold: list[str] = field(default_factory=list[str])

    @tool(reads=True)
    def free(self) -> dict[str, bool]:
        """Whether the seat is free."""
        return {"free": not self.sold}

    @tool()
    def sell(self, customer: str) -> Row:
        """Sell the seat, without looking."""
        if customer not in self.sold:
            self.sold.append(customer)
        return {"sold": customer}

    @tool(idempotent=True)
    def sell_if_free(self, customer: str) -> Row:
        """Sell the seat to the first who asks."""
        if self.sold and self.sold != [customer]:
            raise FakeError(f"sold to {self.sold[0]}")
        return self.sell(customer)


@dataclass
class Vault(Fake):
    """Secrets that are valid."""

    valid: list[str] = field(default_factory=list[str])
    revoked: list[str] = field(default_factory=list[str])

    @tool(idempotent=True)
    def create(self, secret: str) -> Row:
        """Make a secret, unless it was revoked."""
        if secret in self.revoked:
            raise FakeError(f"{secret} was revoked")
        if secret not in self.valid:
            self.valid.append(secret)
        return {"created": secret}

    @tool(idempotent=True)
    def revoke(self, secret: str) -> Row:
        """Make a secret useless for ever."""
        self.valid = [each for each in self.valid if each != secret]
        if secret not in self.revoked:
            self.revoked.append(secret)
        return {"revoked": secret}
