"""Answers kept on disk: the second call makes no request, sync and async."""

import tempfile

import litellm
from smoke_caching_calls import ask_again, check_twice
from smoke_calls import calls, run

with tempfile.TemporaryDirectory() as folder:
    litellm.enable_cache(type="disk", disk_cache_dir=folder)
    for call in calls():
        check_twice(call, "on disk")
    run(ask_again)
    litellm.disable_cache()
