"""What a lesson page uses: start, predict, reveal, check, hint, solution, forget, routes, live_kafka."""

from simlib.course.check import check, hint, solution
from simlib.course.live import live_kafka
from simlib.course.predict import forget, predict, reveal
from simlib.course.routes import routes
from simlib.course.session import start

__all__ = ["check", "forget", "hint", "live_kafka", "predict", "reveal", "routes", "solution", "start"]
