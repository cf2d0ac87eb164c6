"""The first stage: what every feature has in common."""

import litellm

# Advice about where to get help is printed at every error otherwise.
litellm.suppress_debug_info = True
assert callable(litellm.completion)
assert callable(litellm.acompletion)
