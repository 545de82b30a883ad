import os

from kernel.stream.process import run
from services.selector.app import build
from services.selector.settings import SelectorSettings

run(lambda: build(SelectorSettings.from_env(os.environ)))
