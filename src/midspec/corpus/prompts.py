"""The teacher's prompts for corpora."""

from midspec.write.prompts import Prompts

PROMPT_VERSION = 1  # bump when a prompt's meaning changes; every row of a corpus carries it

prompt = Prompts("midspec.corpus")

VERDICT_SCHEMA = """{"type": "object", "properties": {
"contradictions": {"type": "array", "items": {"type": "string"}},
"inventions": {"type": "array", "items": {"type": "string"}},
"reason": {"type": "string"}, "faithful": {"type": "boolean"}},
"required": ["contradictions", "inventions", "reason", "faithful"],
"additionalProperties": false}"""
