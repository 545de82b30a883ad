"""Cancels what works at the venue for as long as the switch says so: the listener's work, once a second.

1. It asks only the switch in Postgres, so it goes on after any restart until a person resumes; an order that turns up
   late is cancelled then.
2. An order that stays at the venue is asked for again after `_ASK_AGAIN` looks; a venue that does not answer delays
   one order, not the others.
"""

from kernel.domain.control import ControlState, Switch
from kernel.domain.errors import TransientError
from kernel.runtime.logging import get_logger
from services.executor.core.order_life import WORKING, Order
from services.executor.core.switching import OPENING
from services.executor.ports import Broker, Follow, Orders, Pause, Standing

_log = get_logger()
_LOOK_EVERY_S = 1.0
_ASK_AGAIN = 30


class OrderStopper:
    """Cancels working orders; `follow` takes over what became of one."""

    def __init__(
        self, *, switch: Standing, broker: Broker, orders: Orders, follow: Follow, pause: Pause
    ) -> None:
        self._switch = switch
        self._broker = broker
        self._orders = orders
        self._follow = follow
        self._pause = pause
        self._looks = 0
        self._asked_at_look: dict[str, int] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except TransientError as e:
                _log.warning("the switch was not read", error=type(e).__name__, reason=str(e))
            await self._pause(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Cancel what the switch, as it stands, wants cancelled; raises DatabaseUnavailable."""
        self._looks += 1
        switch = await self._switch.read()
        if not switch.cancel_orders:
            self._asked_at_look.clear()
            return
        for order in await self._orders.unsettled():
            if _is_to_go(order, switch) and self._is_due(order):
                await self._cancel(order)

    def _is_due(self, order: Order) -> bool:
        alive = order.alive
        asked = None if alive is None else self._asked_at_look.get(alive.client_order_id)
        return asked is None or self._looks - asked >= _ASK_AGAIN

    async def _cancel(self, order: Order) -> None:
        alive = order.alive
        if alive is None:
            return  # its next attempt is pending: the walk gives that up, or finds it alive
        assert alive.venue_order_id is not None, "only an attempt the venue has shown can be working"
        _log.info("cancelling: the switch says so", client_order_id=alive.client_order_id)
        try:
            await self._broker.cancel(alive.venue_order_id)
            self._asked_at_look[alive.client_order_id] = self._looks
            await self._follow(alive.client_order_id)
        except TransientError as e:
            _log.warning("not cancelled yet", client_order_id=order.client_order_id, reason=str(e))


def _is_to_go(order: Order, switch: Switch) -> bool:
    all_go = switch.state is ControlState.HALTED
    return order.status in WORKING and (all_go or order.ticket.action in OPENING)
