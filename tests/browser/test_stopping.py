"""The end of a session; it comes last, because it ends the course that all tests here share."""

import psutil
import pytest
from learner import Course, press_ctrl_c
from notebook_page import KERNEL_READY

pytestmark = pytest.mark.browser


def test_ctrl_c_leaves_no_process_behind(page, course: Course) -> None:
    page.wait_for_function(KERNEL_READY)
    family = psutil.Process(course.process.pid).children(recursive=True)
    assert len(family) >= 2, "JupyterLab and a kernel are running"
    press_ctrl_c(course.process)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
