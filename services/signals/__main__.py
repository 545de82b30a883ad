import os

from kernel.stream.process import run
from services.signals.app import build
from services.signals.settings import SignalsSettings

run(lambda: build(SignalsSettings.from_env(os.environ)))
