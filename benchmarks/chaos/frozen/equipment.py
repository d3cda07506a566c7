"""More services, each reduced to what can go wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from chaos.services import Hotels, Ledger, Locks, Pool, Row, Store
from pytest_mcpflow import Fake, FakeError, tool

__all__ = [
    "Alpha",
    "Beta",
    "Board",
    "Cards",
    "Database",
    "Desk",
    "Gamma",
    "Goods",
    "Hooks",
    "Journal",
    "Leases",
    "Letters",
    "Machines",
    "Parcels",
    "Post",
    "Sessions",
    "Table",
    "Warehouse",
]


class Goods(Hotels):
    """What lies on the shelf, and is set aside for an order."""


class Parcels(Hotels):
    """What a carrier fetches."""


class Letters(Store):
    """What somebody has to look at later."""


class Journal(Store):
    """What a program has written down about itself."""


class Hooks(Ledger):
    """What subscribers are told."""


class Post(Ledger):
    """Letters that are printed and sent."""

    @tool(reads=True)
    def find(self, text: str) -> dict[str, bool]:
        """Whether a letter was posted."""
        return {"found": text in self.posted}


@dataclass
class Cards(Fake):
    """Holds on a customer's card by key: each is captured or voided in the end."""

    held: list[str] = field(default_factory=list[str])
    captured: list[str] = field(default_factory=list[str])
    voided: list[str] = field(default_factory=list[str])

    @tool(idempotent=True)
    def authorize(self, key: str) -> Row:
        """Hold the money once for a key."""
        if key in self.voided:
            raise FakeError(f"{key} was voided")
        if key not in self.held + self.captured:
            self.held.append(key)
        return {"held": key}

    @tool(idempotent=True)
    def capture(self, key: str) -> Row:
        """Take the money that is held."""
        if key not in self.captured:
            if key not in self.held:
                raise FakeError(f"nothing is held for {key}")
            self.held.remove(key)
            self.captured.append(key)
        return {"captured": key}

    @tool(idempotent=True)
    def void(self, key: str) -> Row:
        """Let go of the money, and of any that may yet be held for the key."""
        if key in self.captured:
            raise FakeError(f"{key} was captured")
        self.held = [each for each in self.held if each != key]
        if key not in self.voided:
            self.voided.append(key)
        return {"voided": key}


@dataclass
class Desk(Fake):
    """Lets clerks sign in for a dozen payments."""

    number: int = 0

    @tool(idempotent=True)
    def sign_in(self, number: int) -> Row:
        """Begin a session."""
        self.number = max(self.number, number)
        return {"session": str(number)}


@dataclass
class Board(Fake):
    """Shows a rate, empty on a holiday, and the day of which it is."""

    day: str = "1"
    value: str = "1.10"

    @tool(idempotent=True)
    def refresh(self, day: str) -> Row:
        """Fetch the rate of a day."""
        self.day, self.value = day, "1.25"
        return {"day": day}

    @tool(reads=True)
    def rate(self) -> Row:
        """The rate, and its day."""
        return {"rate": self.value, "day": self.day}


class Alpha(Board):
    """The board of one exchange."""


class Beta(Board):
    """The board of another one."""


class Gamma(Board):
    """The board of a third one."""


@dataclass
class Database(Fake):
    """Tables, each with the version of its schema. Whoever is of an earlier run than the last is turned away."""

    versions: Row = field(default_factory=Row)
    backups: dict[str, Row] = field(default_factory=dict[str, Row])
    run: int = 0
    restored: int = 0

    @tool(idempotent=True)
    def back_up(self, name: str) -> Row:
        """Keep the state under a name; what is kept under it already stays."""
        self.backups.setdefault(name, dict(self.versions))
        return {"name": name}

    @tool(idempotent=True)
    def migrate(self, table: str, run: int) -> Row:
        """Change a table to version 2."""
        self._enter(run)
        if run == self.restored:
            raise FakeError(f"run {run} was put back")
        self.versions[table] = "2"
        return {"table": table}

    @tool(idempotent=True)
    def restore(self, name: str, run: int) -> Row:
        """Put everything back, and turn away what may yet come from this run."""
        if name not in self.backups:
            raise FakeError(f"no backup {name}")
        self._enter(run)
        self.versions, self.restored = dict(self.backups[name]), run
        return {"name": name}

    def _enter(self, run: int) -> None:
        if run < self.run:
            raise FakeError(f"run {self.run} has begun, {run} is older")
        self.run = run


@dataclass
class Machines(Fake):
    """Machines by the token they were asked for with; each is ready 10 seconds later."""

    created: dict[str, float] = field(default_factory=dict[str, float])
    deleted: list[str] = field(default_factory=list[str])
    tested: list[str] = field(default_factory=list[str])

    @tool(idempotent=True)
    def create(self, token: str) -> Row:
        """Create a machine once for a token."""
        if f"vm-{token}" in self.deleted:
            raise FakeError(f"vm-{token} was deleted")
        self.created.setdefault(f"vm-{token}", self.clock.now())
        return {"machine": f"vm-{token}"}

    @tool(reads=True)
    def state(self, machine: str) -> Row:
        """Whether a machine is ready."""
        if machine not in self.created:
            raise FakeError(f"no machine {machine}")
        return {"state": "ready" if self.clock.now() >= self.created[machine] + 10 else "starting"}

    @tool(idempotent=True)
    def try_out(self, machine: str, what: str) -> Row:
        """Run a test on a machine."""
        if self.state(machine)["state"] != "ready":
            raise FakeError(f"{machine} is not ready")
        self.tested.append(what)
        return {"tested": what}

    @tool(idempotent=True)
    def delete(self, machine: str) -> Row:
        """Delete a machine, also one that may yet be created."""
        self.created.pop(machine, None)
        if machine not in self.deleted:
            self.deleted.append(machine)
        return {"deleted": machine}


class Leases(Locks):
    """Locks that operators can free."""

    @tool(idempotent=True)
    def free(self, name: str) -> Row:
        """Free a lock, whoever has it."""
        return {"had": self.holders.pop(name, "")}


@dataclass
class Table(Fake):
    """A table that jobs work on; whoever has left cannot come back."""

    inside: list[str] = field(default_factory=list[str])
    gone: list[str] = field(default_factory=list[str])
    met: list[str] = field(default_factory=list[str])

    @tool(idempotent=True)
    def begin(self, job: str) -> Row:
        """Begin to work on the table."""
        if job in self.gone:
            raise FakeError(f"{job} has left")
        self.met += [f"{job} meets {each}" for each in self.inside if each != job]
        if job not in self.inside:
            self.inside.append(job)
        return {"job": job}

    @tool(idempotent=True)
    def end(self, job: str) -> Row:
        """Leave the table, for ever."""
        self.inside = [each for each in self.inside if each != job]
        if job not in self.gone:
            self.gone.append(job)
        return {"gone": job}


@dataclass
class Sessions(Pool):
    """Connections, each of which looks at the data of one tenant at a time."""

    tenants: Row = field(default_factory=Row)
    looks: list[str] = field(default_factory=list[str])

    @tool(idempotent=True)
    def use(self, owner: str, tenant: str) -> Row:
        """Look at the data of a tenant from now on."""
        self.query(owner)
        self.tenants[owner] = tenant
        return {"tenant": tenant}

    @tool(idempotent=True)
    def read(self, owner: str) -> Row:
        """The balance of the tenant that the connection looks at; each look is written down."""
        self.query(owner)
        self.looks.append(owner)
        return {"balance": f"{self.tenants.get(owner, 'nobody')} has 10"}


@dataclass
class Warehouse(Fake):
    """Items that were loaded."""

    loaded: list[str] = field(default_factory=list[str])

    @tool(idempotent=True)
    def load(self, items: list[str]) -> dict[str, int]:
        """Load items, each once."""
        self.loaded += [each for each in items if each not in self.loaded]
        return {"loaded": len(items)}
