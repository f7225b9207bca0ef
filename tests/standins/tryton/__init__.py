"""A real Tryton 8.2 in its own process and virtual environment, and a proxy that breaks the way to it."""

from tests.standins.tryton.process import Facts, TrytonServer
from tests.standins.tryton.proxy import Fault, FaultyProxy
from tests.standins.tryton.rpc import BookedInvoice, BookedLine

__all__ = ["BookedInvoice", "BookedLine", "Facts", "Fault", "FaultyProxy", "TrytonServer"]
