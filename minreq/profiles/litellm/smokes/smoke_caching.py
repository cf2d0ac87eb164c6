"""Answers kept in memory: the second call makes no request, sync and async."""

import litellm
from smoke_caching_calls import ask_again, check_twice
from smoke_calls import calls, run

litellm.enable_cache(type="local")
for call in calls():
    check_twice(call, "in memory")
run(ask_again)
litellm.disable_cache()
