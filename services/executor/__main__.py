import os

from kernel.stream.process import run
from services.executor.app import build
from services.executor.settings import ExecutorSettings

run(lambda: build(ExecutorSettings.from_env(os.environ)))
