"""Finished experiments as archives that another machine verifies, and what goes to the Hub."""
