"""What the tests and the demonstration share: real relay, real browser, real wire, no pretence."""
