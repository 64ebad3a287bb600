"""The prompts of the evals."""

from midspec.write.prompts import Prompts

PROMPT_VERSION = 1  # of what the teacher is asked; bump when a prompt's meaning changes
prompt = Prompts("midspec.evals")
