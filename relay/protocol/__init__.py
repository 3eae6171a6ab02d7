"""The wire protocol candor.v1 as pure functions and a state machine; does no I/O."""
