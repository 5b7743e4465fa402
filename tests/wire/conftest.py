"""Properties are checked without hypothesis' deadline: a shared machine may stop a test for longer than any sensible one."""

from hypothesis import settings

settings.register_profile("wire", deadline=None)
settings.load_profile("wire")
