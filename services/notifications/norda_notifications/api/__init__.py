"""The HTTP edge: parses, checks who asks, opens the transaction, calls one use case."""

from .offices import router as offices
from .operations import router as operations
from .subscriptions import router as subscriptions
from .unsubscribe import router as unsubscribe

ROUTERS = (subscriptions, unsubscribe, offices, operations)
