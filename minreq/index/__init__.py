"""The index client: pip's configuration, the Simple API, and wheels read by range."""

__all__ = ["client", "coremetadata", "cutoff", "pipconfig", "records", "remotefile", "settings", "urls"]
