"""What a machine has for midspec, and how to mend what it lacks."""
