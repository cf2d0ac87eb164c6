"""The index client: pip's configuration, the Simple API, and wheels read by range."""
