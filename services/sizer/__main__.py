import os

from kernel.stream.process import run
from services.sizer.app import build
from services.sizer.settings import SizerSettings

run(lambda: build(SizerSettings.from_env(os.environ)))
