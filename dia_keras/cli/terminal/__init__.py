"""What a command says on a terminal, and what it keeps others from saying."""
