"""Running a smoke: a child interpreter that imports and calls, and the local providers it talks to."""
