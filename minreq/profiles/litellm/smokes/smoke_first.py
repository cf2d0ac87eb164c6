"""The first stage: what every feature has in common."""

import litellm
import smoke_calls

# Advice about where to get help is printed at every error otherwise.
litellm.suppress_debug_info = True
assert callable(smoke_calls.calls)
