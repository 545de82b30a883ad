"""The sizer's settings: those every stage has."""

from kernel.runtime.settings import ServiceSettings


class SizerSettings(ServiceSettings):
    """Nothing of its own: the numbers of sizing stand in the trading parameters."""
