"""The package's type hints, by mypy."""
import re
import shutil
import subprocess

import pytest
from conftest import SCRIPTS


@pytest.fixture
def mypy(tmp_path):
    if not shutil.which("mypy"):
        pytest.skip("mypy is missing")

    def run(*arguments):
        command = ["mypy", "--cache-dir", tmp_path, "--config-file", SCRIPTS / "pyproject.toml", *arguments]
        done = subprocess.run(list(map(str, command)), cwd=SCRIPTS, capture_output=True, text=True)
        return done.returncode, done.stdout
    return run


def test_hints_agree_with_the_code_and_tell_users_of_mistakes(mypy, tmp_path):
    (tmp_path / "good.py").write_text("import avsound\n"
                                      "for result in avsound.Model('avol-s').scan('a.mp4', 'map', hop=1):\n"
                                      "    print(result.time + 1, result.frame and result.frame.rgb().shape)\n")
    code, words = mypy("-p", "avsound")
    assert code == 0, words
    code, words = mypy(tmp_path / "good.py")
    assert code == 0, words
    (tmp_path / "bad.py").write_text("import avsound\n"
                                     "avsound.Scan(avsound.Model('avol-s'), 'a.mp4', hops=1)\n"
                                     "avsound.Session(avsound.Model('avol-s'), threads='two')\n"
                                     "print(avsound.Media('a.mp4').read_frame().width)\n")
    code, words = mypy(tmp_path / "bad.py")
    assert code == 1 and set(re.findall(r"bad\.py:(\d+): error", words)) == {"2", "3", "4"}, words
