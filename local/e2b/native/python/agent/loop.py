"""Waits for many descriptors at once, on one thread."""

import selectors


class Loop:
    def __init__(self):
        self._selector = selectors.DefaultSelector()

    def reads(self, descriptor, ready):
        self._watch(descriptor, selectors.EVENT_READ, ready)

    def writes(self, descriptor, ready):
        self._watch(descriptor, selectors.EVENT_WRITE, ready)

    def _watch(self, descriptor, event, ready):
        try:
            self._selector.register(descriptor, event, ready)
        except KeyError:
            self._selector.modify(descriptor, event, ready)

    def forgets(self, descriptor):
        try:
            self._selector.unregister(descriptor)
        except KeyError:
            pass

    def turn(self, seconds):
        """Calls what is ready, or nothing once the time is over; whether there is anything to wait for."""
        for key, _events in self._selector.select(seconds):
            # What was called before it may have closed it.
            if key.fd in self._selector.get_map():
                key.data()
