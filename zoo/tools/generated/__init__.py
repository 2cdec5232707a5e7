"""The tables that `make tables` writes, made from the records. A module for each subject."""
