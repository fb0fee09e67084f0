"""Files, profiles and shared variables without ``await``."""

import threading

import pytest

from devsession.errors import ProfileError
from devsession.session.profile import SessionProfile
from devsession.session.shared import SharedVariables
from devsession.sync import DeviceSessionManager


def test_what_a_session_begins_with():
    shared = SharedVariables({"gain": 2})
    profile = SessionProfile(
        modules=("math",),
        variables={"x": 3},
        files={"/lib/y.py": "z = 4"},
        shared=("gain",),
        setup="import y",
    )
    with DeviceSessionManager.open("sim:", shared=shared) as manager:
        assert manager.shared is shared
        with manager.session(profile=profile) as session:
            assert session.profile_report.is_complete
            assert session.eval("x, y.z, gain") == (3, 4, 2)
            assert [stat.name for stat in session.files.scandir("/lib")] == ["y.py"]
            setting = threading.Thread(target=shared.set, args=("gain", 5))
            setting.start()
            setting.join()
            assert session.eval("gain") == 5
            session.prepare()
        with pytest.raises(ProfileError), manager.session(profile=SessionProfile(modules=("no_such",))):
            pass
