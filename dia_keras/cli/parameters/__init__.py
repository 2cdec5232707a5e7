"""Parameters of commands: options that several have, and what is done with their values."""
